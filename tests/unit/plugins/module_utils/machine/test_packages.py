"""Services that must not start while their packages are installed, and package lists that are too old."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.machine import packages


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", file)
    return file


def answer(program: Path, unit: str) -> int:
    return subprocess.run(["sh", program, unit, "start"], check=False).returncode


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("postgresql", 101), ("postgresql@17-main.service", 101), ("certbot.timer", 101), ("redis-server", 0), ("nginx", 0)],
)
def test_services_of_held_packages_do_not_start(program: Path, unit: str, expected: int) -> None:
    with packages.services_held(["postgresql-17", "certbot"]):
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
