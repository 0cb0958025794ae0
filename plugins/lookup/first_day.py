# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a day that is kept on the controller, or begin with today."""

from __future__ import annotations

DOCUMENTATION = r"""
name: first_day
short_description: The day on which something was asked for first, kept on the controller
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Returns the day in a file, such as 2026-11-23. If there is none yet, it is today in UTC, and kept.
options:
  _terms:
    description: Absolute paths of files.
    required: true
"""

EXAMPLES = r"""
site_tls_hsts_since: "{{ lookup('hotclub.django.first_day', site_secrets_path ~ '/.hsts_since') }}"
"""

RETURN = r"""
_raw:
  description: The day for each file.
  type: list
  elements: str
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import PREVIEW


class LookupModule(LookupBase):  # type: ignore[misc]
    """Controller side only."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_options: Any) -> list[str]:
        """Return the day in each file."""
        is_preview = bool((variables or {}).get(PREVIEW))
        return [first_day(Path(term), is_preview) for term in terms]


def first_day(path: Path, is_preview: bool = False) -> str:
    """Return the day in a file, which is made where there is none.

    :param is_preview: whether nothing is made.
    """
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    today = datetime.now(UTC).date().isoformat()
    if not is_preview:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(path, f"{today}\n", 0o600)
    return today
