"""The accounts of a site's database while its password is replaced."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.filter.database_accounts import NO_RIGHTS, database_accounts
from ansible_collections.hotclub.django.plugins.filter.database_login import database_login
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.accounts import attributes_of
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import (
    STEPS,
    Secret,
)


def rotation(secret: Secret) -> dict[str, Any]:
    return {"turn": secret.turn, "step": secret.step, "following": secret.following}


class TestAccounts:
    """Two accounts of the database take turns."""

    def accounts(self, secret: Secret) -> dict[str, dict[str, str]]:
        return {account["name"]: account for account in database_accounts("shop", secret.current, rotation(secret))}

    def test_a_site_begins_with_one(self) -> None:
        assert self.accounts(Secret("p")) == {"shop": {"name": "shop", "password": "p", "attributes": f"LOGIN,{NO_RIGHTS}"}}

    def test_rights_that_no_site_needs_are_taken_from_it(self) -> None:
        for right in ("SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS"):
            assert not attributes_of("shop", self.accounts(Secret("p"))["shop"]["attributes"])[right]

    def test_until_every_host_has_changed_both_are_let_in(self) -> None:
        secret, used = Secret("p"), []
        for step in ("announced", "switched"):
            secret = STEPS[step](secret)
            assert [account["attributes"] for account in self.accounts(secret).values()] == [f"LOGIN,{NO_RIGHTS}"] * 2
            used.append(database_login("shop", rotation(secret)))
        assert used == ["shop", "shop-2"]
        assert self.accounts(secret)["shop-2"]["password"] == secret.current
        assert "password" not in self.accounts(secret)["shop"], "the password in use on other hosts is left alone"

    def test_then_the_old_one_has_no_password_and_may_not_log_in(self) -> None:
        secret = Secret("p")
        for step in ("announced", "switched", "closed"):
            secret = STEPS[step](secret)
        assert self.accounts(secret)["shop"] == {"name": "shop", "password": "", "attributes": f"NOLOGIN,{NO_RIGHTS}"}
        assert self.accounts(STEPS["finished"](secret)) == self.accounts(secret)

    def test_the_second_one_acts_as_the_owner_and_the_third_rotation_returns_to_it(self) -> None:
        assert self.accounts(Secret("p", turn=1))["shop-2"]["acts_for"] == "shop"
        assert self.accounts(Secret("p", turn=2))["shop"]["password"] == "p"
        assert self.accounts(Secret("p", turn=2))["shop-2"]["attributes"].startswith("NOLOGIN,")
