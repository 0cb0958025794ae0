"""Accounts of services: what differs from the file that describes them."""

from __future__ import annotations

import grp
import pwd

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.system_accounts import Accounts, Step, steps, take

PATH = "/etc/sysusers.d/shop.conf"
TEXT = """\
# Ansible managed

u shop - "Runs shop" /srv/shop /usr/sbin/nologin
u shop-build - "Builds shop"
m shop-build shop
"""
NOBODY = "/usr/sbin/nologin"


def known(members: list[str], **users: tuple[int, str]) -> Accounts:
    """Accounts by first group and shell, each with a group of its name; the numbers are 1 and 2."""
    names = {name.replace("_", "-"): account for name, account in users.items()}
    numbers = {"shop": 1, "shop-build": 2}
    return Accounts(
        {name: pwd.struct_passwd((name, "x", 9, gid, "", "/", shell)) for name, (gid, shell) in names.items()}.__getitem__,
        {name: grp.struct_group((name, "x", numbers[name], members if name == "shop" else [])) for name in names}.__getitem__,
    )


def commands(accounts: Accounts) -> list[str]:
    return [" ".join(step.command) for step in steps(PATH, TEXT, accounts)]


def test_accounts_as_their_file_says_need_nothing() -> None:
    assert commands(known(["shop-build"], shop=(1, NOBODY), shop_build=(2, NOBODY))) == []
    # In the group in another way.
    assert commands(known([], shop=(1, NOBODY), shop_build=(1, NOBODY))) == ["usermod --gid shop-build shop-build"]


def test_each_attribute_that_differs_is_found() -> None:
    assert commands(known([], shop=(7, "/bin/bash"), shop_build=(2, "/bin/sh"))) == [
        f"usermod --shell {NOBODY} shop",
        "usermod --gid shop shop",
        f"usermod --shell {NOBODY} shop-build",
        "usermod --append --groups shop shop-build",
    ]


def test_accounts_that_are_missing_are_made_as_systemd_makes_them() -> None:
    assert commands(known([])) == [f"systemd-sysusers {PATH}"]
    assert commands(known([], shop=(1, NOBODY))) == [f"systemd-sysusers {PATH}"]


def test_what_a_program_refuses_is_told_with_what_to_do() -> None:
    step = Step("shell of shop", "/bin/bash", NOBODY, ["usermod", "--shell", NOBODY, "shop"])
    with pytest.raises(Trouble, match="cannot lock /etc/passwd") as refused:
        take(step, lambda command: Outcome(1, "", "usermod: cannot lock /etc/passwd; try again later."))
    assert "vipw" in str(refused.value)
