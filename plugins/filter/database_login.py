# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The account with which a site logs in at its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def database_login(owner: str, rotation: Mapping[str, Any]) -> str:
    """Return the account that the site uses now."""
    return account_names(owner)[int(rotation["turn"]) % 2]


def account_names(owner: str) -> list[str]:
    """Return both accounts of a site. No other site's owner can be called like the second one, since none has a hyphen."""
    return [owner, f"{owner}-2"]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"database_login": database_login}
