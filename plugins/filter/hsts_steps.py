# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For how long browsers are told to come by TLS alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.hsts import hsts_steps


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"hsts_steps": hsts_steps}
