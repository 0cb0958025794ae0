"""Services that must not start while their packages are installed, and package lists that are too old."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine import packages

from tests.unit.conftest import CHECKOUT

# A task that has apt install or upgrade something, to its end.
APT = re.compile(r"^ *ansible\.builtin\.apt:\n(?:(?! *- name:).+\n)*", re.MULTILINE)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", file)
    return file


def answer(program: Path, unit: str) -> int:
    return subprocess.run(["sh", program, unit, "start"], check=False).returncode


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        *(("postgresql", 101), ("postgresql@17-main.service", 101), ("certbot.timer", 101), ("etcd.service", 101)),
        *(("valkey-server.service", 101), ("redis-server", 0), ("nginx", 0)),
    ],
)
def test_services_of_held_packages_do_not_start(program: Path, unit: str, expected: int) -> None:
    with packages.services_held(["postgresql-17", "certbot", "etcd-server", "valkey-server"]):
        assert answer(program, unit) == expected
    assert not program.exists()


def test_the_host_s_own_policy_decides_on_the_others_and_returns(program: Path) -> None:
    program.write_text("#!/bin/sh\nexit 104\n")
    program.chmod(0o755)

    with packages.services_held(["nginx"]):
        assert (answer(program, "nginx"), answer(program, "redis-server")) == (101, 104)
    assert answer(program, "nginx") == 104


def test_what_a_killed_run_has_left_is_no_policy_of_the_host(program: Path) -> None:
    program.write_text(packages.policy(["nginx"], program.with_suffix(".before-hotclub")))

    with packages.services_held(["haproxy"]):
        assert answer(program, "nginx") == 0
    assert not program.exists()


def test_lists_are_old_after_an_hour_or_when_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "LISTS", tmp_path)
    assert packages.lists_are_old()
    (tmp_path / "mirror_dists_trixie_main_binary-amd64_Packages").touch()
    assert not packages.lists_are_old()
    os.utime(tmp_path, (0, 0))
    assert packages.lists_are_old()


def test_needrestart_restarts_nothing_behind_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is too old to be suspended: in its mode l it lists."""
    told: list[dict[str, str]] = []

    def run(command: list[str], *, environment: dict[str, str]) -> Outcome:
        assert command[0] == "apt-get"
        told.append(environment)
        return Outcome(0)

    monkeypatch.setattr(packages, "run", run)
    monkeypatch.setattr(packages, "lists_are_old", lambda: False)
    packages.install(["nginx"], [])
    packages.rehearse(["nginx"])
    assert [(each["NEEDRESTART_SUSPEND"], each["NEEDRESTART_MODE"]) for each in told] == [("1", "l")] * 2


def test_no_upgrade_lets_needrestart_restart_services() -> None:
    files = [path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")]
    found = {path: APT.findall(path.read_text(encoding="utf-8")) for path in files}
    tasks = [(path.name, task) for path, each in found.items() for task in each]
    # Not those that look alone.
    tasks = [(name, task) for name, task in tasks if "update_cache" not in task and "check_mode: true" not in task]
    assert len(tasks) > 3
    wanted = 'environment: {NEEDRESTART_SUSPEND: "1", NEEDRESTART_MODE: l}'
    assert [(name, task) for name, task in tasks if wanted not in task] == []


def test_a_configuration_that_somebody_has_written_is_not_the_package_s(tmp_path: Path) -> None:
    file = tmp_path / "pgbouncer.ini"
    file.write_text("[pgbouncer]\n")
    digest = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    status = f"Package: pgbouncer\nConffiles:\n {file} {digest}\n"

    assert packages.is_as_packaged(file, status)
    file.write_text("[databases]\nother = host=10.0.0.9\n")
    assert not packages.is_as_packaged(file, status)
    assert not packages.is_as_packaged(tmp_path / "none", status)
