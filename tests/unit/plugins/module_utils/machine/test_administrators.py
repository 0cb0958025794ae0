"""Administrators' accounts, keys and rights, on a host that is a folder."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.administrators import Host, login, steps
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.administrators import check_administrators

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDl6cYV4k5mWb0mC5u0r4yq2v7m3 alice@laptop"
OTHER = KEY.replace("alice", "bob")


class Machine:
    """Accounts with home folders, and the programs that the module calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts: dict[str, pwd.struct_passwd] = {}
        self.commands: list[list[str]] = []
        self.refuses = ""

    def run(self, command: list[str]) -> Outcome:
        """Answer a command."""
        self.commands.append(command)
        if command[0] == self.refuses:
            return Outcome(1, "syntax error")
        if command[0] == "useradd":
            self.add(command[-1])
        return Outcome(0, "permitrootlogin without-password\npasswordauthentication no\n")

    def add(self, name: str, uid: int = 1000, program: str = "/bin/bash") -> None:
        """Make an account."""
        home = self.folder / "home" / name
        home.mkdir(parents=True)
        # Its files belong to whoever runs the test.
        self.accounts[name] = pwd.struct_passwd((name, "x", uid, os.getgid(), "", str(home), program))

    def find(self, name: str) -> pwd.struct_passwd:
        """Return an account as the system does."""
        return self.accounts[name]

    def keys(self, name: str) -> str:
        """Return what a file of keys holds."""
        return (self.folder / "home" / name / ".ssh" / "authorized_keys").read_text()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine without an administrator."""
    monkeypatch.setattr(os, "chown", lambda *_args, **_words: None)
    (tmp_path / "sudoers.d").mkdir()
    return Machine(tmp_path)


@pytest.fixture
def keep(machine: Machine) -> Callable[..., list[str]]:
    """Return a function that brings the administrators of a site about and says what that took."""

    def keep(wanted: dict[str, list[str]], site: str = "shop", signed_in: str = "root") -> list[str]:
        host = Host(machine.run, site, machine.folder / "sudoers.d", machine.find)
        found = list(steps(host, wanted, signed_in))
        for step in found:
            step.take()
        return [step.name for step in found]

    return keep


def rules(machine: Machine) -> dict[str, str]:
    """Return the rules of sudo by file."""
    return {path.name: path.read_text() for path in (machine.folder / "sudoers.d").iterdir()}


def test_an_administrator_is_made_once(machine: Machine, keep: Callable[..., list[str]]) -> None:
    assert keep({"alice": [KEY]}) == ["account alice", "keys of alice", "right to become root of alice"]
    assert KEY in machine.keys("alice")
    assert "alice ALL=(ALL:ALL) NOPASSWD: ALL\n" in rules(machine)["hotclub-shop"]
    assert keep({"alice": [KEY]}) == []


def test_keys_that_an_account_has_already_stay(machine: Machine, keep: Callable[..., list[str]]) -> None:
    machine.add("debian")
    file = machine.folder / "home" / "debian" / ".ssh" / "authorized_keys"
    file.parent.mkdir()
    file.write_text("ssh-rsa of-the-provider")
    keep({"debian": [KEY]})

    assert machine.keys("debian").startswith("ssh-rsa of-the-provider\n# BEGIN")
    assert keep({"debian": [OTHER]}) == ["keys of debian"]
    assert KEY not in machine.keys("debian")
    keep({})
    assert machine.keys("debian") == "ssh-rsa of-the-provider\n"


def test_one_who_leaves_loses_the_right_and_the_keys(machine: Machine, keep: Callable[..., list[str]]) -> None:
    keep({"alice": [KEY], "bob": [OTHER]})

    assert keep({"alice": [KEY]}) == ["keys of bob", "right to become root of alice, bob"]
    assert "bob" not in rules(machine)["hotclub-shop"] and machine.keys("bob") == ""
    keep({})
    assert rules(machine) == {}


def test_sites_on_one_host_have_their_own(machine: Machine, keep: Callable[..., list[str]]) -> None:
    keep({"alice": [KEY]})
    keep({"alice": [OTHER], "bob": [OTHER]}, site="blog")

    assert keep({"alice": [KEY]}) == []
    keep({}, site="blog")
    assert machine.keys("alice").count("ssh-ed25519") == 1 and set(rules(machine)) == {"hotclub-shop"}


def test_nobody_takes_away_the_account_that_the_run_needs(machine: Machine, keep: Callable[..., list[str]]) -> None:
    keep({"alice": [KEY]})

    with pytest.raises(Trouble, match="alice, as whom this run has signed in, is no longer among"):
        keep({"bob": [OTHER]}, signed_in="alice")
    assert "alice" in rules(machine)["hotclub-shop"] and "bob" not in machine.accounts


def test_an_account_of_the_system_is_no_administrator_s(machine: Machine, keep: Callable[..., list[str]]) -> None:
    machine.add("shop", uid=998)
    machine.add("robot", program="/usr/sbin/nologin")

    with pytest.raises(Trouble, match="shop is an account of the system's own"):
        keep({"shop": [KEY]})
    with pytest.raises(Trouble, match="robot can't sign in: its shell is /usr/sbin/nologin"):
        keep({"robot": [KEY]})


def test_a_rule_that_sudo_refuses_is_never_in_place(machine: Machine, keep: Callable[..., list[str]]) -> None:
    machine.refuses = "visudo"

    with pytest.raises(Trouble, match="syntax error"):
        keep({"alice": [KEY]})
    assert rules(machine) == {}


def test_keys_are_not_written_through_a_link(machine: Machine, keep: Callable[..., list[str]]) -> None:
    machine.add("alice")
    (machine.folder / "home" / "alice" / ".ssh").symlink_to(machine.folder / "sudoers.d")

    with pytest.raises(Trouble, match="is a link"):
        keep({"alice": [KEY]})


def test_who_has_signed_in_is_the_account_before_sudo(machine: Machine) -> None:
    assert login(machine.run, {"SUDO_USER": "alice"}) == {"account": "alice", "root": "prohibit-password", "passwords": "no"}
    # su tells nothing of whom it was before.
    assert login(machine.run, {}, "bob")["account"] == "bob"


@pytest.mark.parametrize(
    ("administrator", "wrong"),
    [
        ({"name": "alice", "keys": []}, "alice has no key"),
        ({"name": "Alice Smith", "keys": [KEY]}, "can't be the name of an account"),
        ({"name": "postgres", "keys": [KEY]}, "is an account of the system's own"),
        ({"name": "alice", "keys": ["-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"]}, "key 1 of alice is a private key"),
        ({"name": "alice", "keys": [KEY, "~/.ssh/id_ed25519.pub"]}, "key 2 of alice is not a public key"),
        ({"name": "alice", "keys": [f"{KEY}\n{OTHER}"]}, "key 1 of alice is not a public key"),
        ({"name": "alice; reboot", "keys": [KEY]}, "can't be the name of an account"),
    ],
)
def test_who_could_not_sign_in_is_refused_and_no_key_is_shown(administrator: dict[str, object], wrong: str) -> None:
    found = list(check_administrators([administrator]))

    assert len(found) == 1 and wrong in found[0][0], found
    assert "c2VjcmV0" not in str(found)


def test_options_before_a_key_are_its_own(machine: Machine) -> None:
    assert list(check_administrators([{"name": "alice", "keys": [f'from="192.0.2.0/24" {KEY}']}])) == []
