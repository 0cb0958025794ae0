# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of packages, and of where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding, form

VULNERABILITY = re.compile(r"[A-Z]+(-[A-Za-z0-9]+)+")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+~:-]+)?")


def check_index_url(value: Any) -> Iterator[Finding]:
    """Refuse what is not a URL. Never shows the value, which may hold a password."""
    if value and not re.fullmatch(r"(https?|file)://\S+", str(value)):
        yield ("is not a URL", "Write it with its scheme, for example https://packages.example.org/simple/.")


def check_audit_ignored(value: Any) -> Iterator[Finding]:
    """Refuse what is not the identifier of a vulnerability."""
    for identifier in value:
        if not VULNERABILITY.fullmatch(str(identifier)):
            yield (f'"{identifier}" is not the identifier of a vulnerability', "Write for example CVE-2026-1234.")


check_packages = form(PACKAGE, "not the name of a Debian package", "Write for example libpq5, or nginx=1.26.3-3.")


def check_requirements(value: Any) -> Iterator[Finding]:
    """Refuse what pip would take for an option."""
    for requirement in value:
        if str(requirement).strip().startswith("-") or not str(requirement).strip():
            yield (f'"{requirement}" is not a requirement', "Write a name and a version, for example whitenoise~=6.0.")
