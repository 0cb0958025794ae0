"""Commands that go on: what begins them, what is remembered, and what is said of their end."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import commands as module
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands, outcome
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_finish import parted
from ansible_collections.hotclub.django.plugins.module_utils.steps.site_commands import line_of

from tests.unit.plugins.module_utils.releases import MIDDLE, NEW, OLD, add


class Systemd:
    """Begins everything, or nothing."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.begun: list[list[str]] = []
        self.environment = ""
        self.code = 0

    def run(self, command: list[str], **_: Any) -> Outcome:
        if command[0] == "systemd-run":
            self.begun.append(command)
            [file] = [word.partition("=-")[2] for word in command if word.startswith("--property=EnvironmentFile")]
            self.environment = Path(file).read_text()
            assert Path(file).stat().st_mode & 0o777 == 0o600
            self.running |= {word.removeprefix("--unit=") for word in command if word.startswith("--unit=")}
        return Outcome(self.code, "", "no such unit" if self.code else "")

    def systemctl(self, *words: str) -> Outcome:
        if words[0] == "stop":
            self.running -= {*words[1:]}
        return Outcome(0, "".join(f"{unit} loaded active running x\n" for unit in sorted(self.running)))


@pytest.fixture
def systemd(site: Site, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    fake = Systemd()
    monkeypatch.setattr(module, "run", fake.run)
    monkeypatch.setattr(module, "systemctl", fake.systemctl)
    (site.root / "etc").mkdir(exist_ok=True)
    site.environment_file.write_text('SECRET_KEY="s3cret-s3cret"\n')
    for release in (OLD, MIDDLE, NEW):
        add(site, release)
        (site.release(release) / "release.env").write_text(f'SITE_RELEASE="{release}"\n')
    site.current_link.symlink_to(site.release(OLD))
    return fake


def test_a_command_begins_in_the_release_that_serves_with_secrets_in_no_word(site: Site, systemd: Systemd) -> None:
    begun = Commands(site).begin("loaddata 'a b.json' $HOME", {"TOKEN": "t0ken"}, 60, "ada")
    [words] = systemd.begun
    assert words[-5:] == [f"{site.release(OLD)}/venv/bin/python", "manage.py", "loaddata", "a b.json", "$$HOME"]
    assert not [word for word in words if "s3cret" in word or "t0ken" in word]
    assert 'SECRET_KEY="s3cret-s3cret"' in systemd.environment and 'TOKEN="t0ken"' in systemd.environment
    assert list((site.root / "commands").glob("*.env")) == [], "it stays on the disk"
    assert begun.release == OLD and begun.identifier.endswith("-loaddata")
    assert (site.root / "commands").stat().st_mode & 0o777 == 0o700


def test_the_environment_that_a_killed_run_has_left_goes_with_the_next_command(site: Site, systemd: Systemd) -> None:
    folder = site.root / "commands"
    folder.mkdir(mode=0o700)
    for name, age in (("left", 3600), ("of-now", 1)):
        (folder / f"{name}.env").write_text("SECRET_KEY=x\n")
        os.utime(folder / f"{name}.env", (time.time() - age, time.time() - age))
    Commands(site).begin("check", {}, 60, "")
    assert [path.name for path in folder.glob("*.env")] == ["of-now.env"]


def test_the_end_of_a_command_is_noted_as_systemd_says_it(site: Site, systemd: Systemd) -> None:
    begun = Commands(site).begin("migrate", {}, 60, "")
    [said] = [word.partition("=")[2] for word in systemd.begun[0] if "ExecStopPost" in word]
    # Where it is read by systemd once more, it would say something else.
    assert "$" not in said and "%" not in said
    ended = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "3"}
    subprocess.run(shlex.split(said.partition("=+")[2]), env=ended, check=True)
    systemd.running.clear()
    assert Commands(site).known(begun.identifier)["state"] == "failed with code 3"


def test_commands_of_one_second_have_names_of_their_own(site: Site, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "20261130T200000")
    commands = Commands(site)
    assert [commands.begin("migrate", {}, 60, "").identifier for _ in range(2)] == [
        "20261130T200000-migrate",
        "20261130T200000-migrate-1",
    ]


def test_what_can_t_be_begun_is_forgotten(site: Site, systemd: Systemd) -> None:
    systemd.code = 1
    with pytest.raises(Trouble, match="The command migrate does not start"):
        Commands(site).begin("migrate", {}, 60, "")
    assert list((site.root / "commands").iterdir()) == []


def test_the_release_of_a_command_is_kept_until_it_has_ended(site: Site, systemd: Systemd) -> None:
    begun = Commands(site).begin("migrate", {}, 60, "")
    site.current_link.unlink()
    site.current_link.symlink_to(site.release(NEW))
    assert OLD in parted(site, 1, "")[0]
    Commands(site).stop(begun.identifier)
    assert OLD not in parted(site, 1, "")[0]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("success exited 0", "is done"),
        ("success killed TERM", "was stopped"),
        ("exit-code exited 3", "failed with code 3"),
        ("timeout killed TERM", "ran out of time"),
        ("oom-kill killed KILL", "had no memory left"),
        ("signal killed SEGV", "was ended by the signal SEGV"),
        ("resources", "failed (resources)"),
    ],
)
def test_an_end_is_said_in_words(site: Site, systemd: Systemd, said: str, state: str) -> None:
    commands = Commands(site)
    begun = commands.begin("migrate", {}, 60, "ada")
    assert commands.known(begun.identifier)["state"] == "runs"
    systemd.running.clear()
    assert commands.known(begun.identifier)["state"] == "ended with the host, or before it could tell"
    (site.root / "commands" / f"{begun.identifier}.end").write_text(f"{said}\n")
    known = commands.known(begun.identifier)
    assert known["state"] == state == outcome(said)
    assert f"{begun.identifier}: migrate {state} after" in line_of(known)


def test_a_host_remembers_the_last_ones_and_all_that_go_on(site: Site, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    commands = Commands(site)
    first = commands.begin("first", {}, 60, "").identifier
    for number in range(5):
        begun = commands.begin(f"c{number}", {}, 60, "").identifier
        systemd.running.discard(commands.unit(begun))
        time.sleep(0.001)
    assert [one["command"] for one in commands.all()] == ["first", "c2", "c3", "c4"]
    assert commands.known(first)["state"] == "runs"


def test_a_torn_record_stops_nothing(site: Site, systemd: Systemd) -> None:
    begun = Commands(site).begin("migrate", {}, 60, "")
    (site.root / "commands" / "20260101T000000-x.json").write_text('{"command": "x')
    (site.root / "commands" / "20260101T000001-x.json").write_text(json.dumps({"command": "x"}))
    assert [one["identifier"] for one in Commands(site).all()] == [begun.identifier]
