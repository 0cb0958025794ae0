"""The SSH server's settings: what they become, what overrules them, and how they stay on trial."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.ssh_server import Server, view, words

SETTINGS = "etc/ssh/sshd_config.d/10-hotclub.conf.j2"
AS_WE_SAY = "permitrootlogin no\npasswordauthentication no\n"

Render = Callable[..., str]


class Machine:
    """Answers commands."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.amounts_to = AS_WE_SAY
        self.refuses = ""

    def __call__(self, command: list[str]) -> Outcome:
        """Return the exit code and the output of a command."""
        self.commands.append(" ".join(command))
        if self.refuses and self.refuses in self.commands[-1]:
            return Outcome(1, "Bad configuration option")
        if command[0] == "systemctl" and command[1] == "show":
            return Outcome(0, f"MainPID={os.getpid()}\nActiveState=active")
        return Outcome(0, self.amounts_to if "-T" in command else "")


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def server(tmp_path: Path, machine: Machine) -> Server:
    """Return a server with settings that were never proved."""
    folder = tmp_path / "sshd_config.d"
    folder.mkdir()
    (folder / "10-hotclub.conf").write_text("PermitRootLogin no\nPasswordAuthentication no\n")
    (tmp_path / "sshd_config").write_text("Include sshd_config.d/*.conf\n")
    return Server(
        "ssh.service",
        machine,
        stamps=tmp_path / "stamps",
        settings=folder / "10-hotclub.conf",
        proved=tmp_path / "proved" / "10-hotclub.conf",
        main=tmp_path / "sshd_config",
    )


def access(account: str, root: str = "prohibit-password", passwords: str = "yes", trial: int | None = None) -> dict[str, Any]:
    """Return what the role has found on a host."""
    login = {"account": account, "root": root, "passwords": passwords}
    return {
        "ansible_facts": {"distribution_release": "trixie", "hotclub_login": login},
        "__ssh_trial": {} if trial is None else {"rc": trial},
    }


@pytest.mark.parametrize(
    ("found", "root", "passwords"),
    [
        # Nothing was shown: everything stays.
        (access("root"), "prohibit-password", "yes"),
        (access("root", root="yes", trial=255), "yes", "yes"),
        (access("alice", root="yes", trial=255), "yes", "yes"),
        # A key was shown to work.
        (access("root", root="yes", trial=0), "prohibit-password", "no"),
        (access("alice", trial=0), "no", "no"),
        # A later run needs no trial, and neither opens anything.
        (access("root", passwords="no"), "prohibit-password", "no"),
        (access("alice", root="no", passwords="no"), "no", "no"),
    ],
)
def test_nothing_is_closed_before_it_was_shown_to_be_unneeded(
    render: Render, found: dict[str, Any], root: str, passwords: str
) -> None:
    text = render("ssh", SETTINGS, **found)

    assert f"\nPermitRootLogin {root}\nPasswordAuthentication {passwords}\n" in text


def test_older_servers_get_only_the_words_that_they_know(render: Render) -> None:
    found = access("root", trial=0)

    assert "PerSourcePenalties" in render("ssh", SETTINGS, **found)
    found["ansible_facts"]["distribution_release"] = "bookworm"
    assert "PerSourcePenalties" not in render("ssh", SETTINGS, **found)


def test_settings_of_one_s_own_have_the_first_word(render: Render, tmp_path: Path) -> None:
    file = tmp_path / "sshd_config"
    file.write_text(
        render("ssh", SETTINGS, **access("root", trial=0), ssh_settings={"LogLevel": "INFO", "AllowTcpForwarding": "no"})
    )

    assert (words(file)["loglevel"], words(file)["allowtcpforwarding"]) == ("INFO", "no")


def test_words_end_where_single_connections_begin(tmp_path: Path) -> None:
    file = tmp_path / "sshd_config"
    file.write_text("# PermitRootLogin yes\nPermitRootLogin = no\nMatch User git\n    PasswordAuthentication yes\n")

    assert words(file) == {"permitrootlogin": "no"}


def test_new_settings_are_on_trial_until_a_connection_has_got_in(server: Server, machine: Machine) -> None:
    os.utime(server.settings, (2, 2))
    assert view(server)["unproved"]
    server.try_out(60)
    guard = "systemd-run --quiet --collect --unit=hotclub-ssh-guard --on-active=60 /bin/sh -c rm -f "
    told = [command.startswith(guard) or None if "systemd-run" in command else command for command in machine.commands]

    assert told.index(True) < told.index("systemctl reload ssh.service")
    server.keep()
    assert machine.commands[-1] == "systemctl stop hotclub-ssh-guard.timer"
    assert server.is_proved()


def test_what_returns_is_what_was_proved_last(server: Server, machine: Machine) -> None:
    server.keep()
    server.settings.write_text("PermitRootLogin no\n")
    server.try_out(60)
    script = next(command for command in machine.commands if command.startswith("systemd-run")).partition("/bin/sh -c ")[2]
    subprocess.run(["/bin/sh", "-c", script.partition(";")[0]], check=True)

    assert server.settings.read_text() == "PermitRootLogin no\nPasswordAuthentication no\n"


@pytest.mark.parametrize("refuses", ["sshd -t", "systemd-run"])
def test_nothing_is_loaded_that_is_refused_or_could_not_return(server: Server, machine: Machine, refuses: str) -> None:
    machine.refuses = refuses

    with pytest.raises(Trouble, match="Bad configuration option"):
        server.try_out(60)
    assert "systemctl reload ssh.service" not in machine.commands


def test_a_file_that_overrules_ours_is_named(server: Server, machine: Machine) -> None:
    machine.amounts_to = "permitrootlogin no\npasswordauthentication yes\n"
    (server.settings.parent / "05-provider.conf").write_text("PasswordAuthentication yes\n")

    with pytest.raises(
        Trouble, match=r"05-provider\.conf has the first word on passwordauthentication: it is \"yes\", and not \"no\""
    ):
        server.try_out(60)
    assert "systemctl reload ssh.service" not in machine.commands
