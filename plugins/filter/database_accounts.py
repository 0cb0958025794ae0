# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The accounts with which a site logs in at its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.database_login import account_names, database_login

# Somebody may have given them by hand. No site needs them: whoever has one could read what other sites have.
NO_RIGHTS = "NOSUPERUSER,NOCREATEROLE,NOREPLICATION,NOBYPASSRLS"


def database_accounts(owner: str, password: str, rotation: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the accounts of a site, the owner of its database first.

    Two take turns: a new password is one of the account that is not in use, so that both work until every host has the new
    one. The second one acts as the owner in everything.
    """
    used = database_login(owner, rotation)
    names = [owner] if _is_untouched(rotation) else account_names(owner)
    accounts = {name: _password(name == used, password, rotation) for name in names}
    return [{"name": name, **said, **({"acts_for": owner} if name != owner else {})} for name, said in accounts.items()]


def _is_untouched(rotation: Mapping[str, Any]) -> bool:
    return not rotation["step"] and int(rotation["turn"]) == 0


def _password(is_used: bool, password: str, rotation: Mapping[str, Any]) -> dict[str, str]:
    if is_used:
        return {"password": password, "attributes": f"LOGIN,{NO_RIGHTS}"}
    if rotation["step"] == "announced":
        return {"password": str(rotation["following"]), "attributes": f"LOGIN,{NO_RIGHTS}"}
    if rotation["step"] == "switched":
        return {"attributes": f"LOGIN,{NO_RIGHTS}"}
    return {"password": "", "attributes": f"NOLOGIN,{NO_RIGHTS}"}


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"database_accounts": database_accounts}
