"""The facts that roles use, by the names that Ansible gives them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine import look

from tests.unit.conftest import CHECKOUT

USED = re.compile(r"ansible_facts\['(\w+)'\]")


def test_every_fact_that_a_role_or_a_playbook_uses_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "guest", list)
    files = [
        path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*") if path.suffix in (".yml", ".j2")
    ]
    used = {name for path in files for name in USED.findall(path.read_text(encoding="utf-8"))}

    of_the_step = {"hotclub_login", "hotclub_addresses", "hotclub_time_daemon", "hotclub_ssh_port", "hotclub_database"}
    assert used - of_the_step <= set(look.facts())


def test_a_daemon_that_keeps_the_time_already_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "TIME_DAEMONS", {"chrony": f"{tmp_path}/chronyd", "ntpsec": f"{tmp_path}/ntpd"})

    assert look.time_daemon() == ""
    (tmp_path / "ntpd").touch()
    assert look.time_daemon() == "ntpsec"


def process(folder: Path, parent: int, environment: str) -> None:
    folder.mkdir()
    (folder / "stat").write_text(f"7 (sh (-c)) S {parent} 1 1")
    (folder / "environ").write_text(environment)


def test_who_has_signed_in_and_where_is_known_behind_sudo_and_su(tmp_path: Path) -> None:
    process(tmp_path / str(os.getpid()), 50, "PATH=/bin\0SUDO_USER=alice\0")
    # su keeps the connection, and says another name.
    process(tmp_path / "50", 40, "SSH_CONNECTION=198.51.100.7 50000 10.0.0.5 2022\0USER=root\0")
    process(tmp_path / "40", 30, "SSH_CLIENT=x\0USER=alice\0SSH_CONNECTION=198.51.100.7 50000 10.0.0.5 2022\0HOME=/home/alice\0")
    process(tmp_path / "30", 1, "LANG=C\0")

    assert look.signed_in(tmp_path) == {"port": 2022, "account": "alice"}


def test_nobody_has_signed_in_where_the_run_came_another_way(tmp_path: Path) -> None:
    process(tmp_path / str(os.getpid()), 1, "PATH=/bin\0")

    assert look.signed_in(tmp_path) == {}


@pytest.mark.parametrize(("files", "waits"), [([], False), (["enabled"], True), (["enabled", "result.json"], False)])
def test_a_host_that_is_still_being_made_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], waits: bool
) -> None:
    monkeypatch.setattr(look, "CLOUD_INIT", tmp_path)
    for name in files:
        (tmp_path / name).touch()
    waited: list[float] = []

    def ends(seconds: float) -> None:
        waited.append(seconds)
        (tmp_path / "result.json").touch()

    look.await_cloud_init(sleep=ends)
    assert bool(waited) is waits


def test_a_host_that_is_never_ready_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "CLOUD_INIT", tmp_path)
    (tmp_path / "enabled").touch()

    with pytest.raises(Trouble, match="cloud-init status --long"):
        look.await_cloud_init(seconds=-1, sleep=lambda _seconds: None)


def test_the_addresses_of_a_host_are_those_of_its_interfaces(tmp_path: Path) -> None:
    table = tmp_path / "fib_trie"
    table.write_text(
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.5\n        /32 host LOCAL\n"
        "        |-- 127.0.0.1\n           /32 host LOCAL\nLocal:\n     |-- 10.0.0.5\n        /32 host LOCAL\n"
    )

    assert look.ipv4_addresses(table) == ["10.0.0.5"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (65536, 16)),
        ({"memory.max": "max\n", "cpu.max": "max 100000\n"}, (65536, 16)),
        ({"memory.max": "2147483648\n", "cpu.max": "250000 100000\n"}, (2048, 2)),
        ({"memory.max": "2147483648\n", "cpu.max": "50000 100000\n"}, (2048, 1)),
        # More than there is.
        ({"memory.max": "9223372036854771712\n", "cpu.max": "6400000 100000\n"}, (65536, 16)),
    ],
)
def test_a_container_has_what_its_control_group_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: tuple[int, int]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(look, "CONTROL_GROUP", tmp_path)

    assert (look.memory_mb(65536), look.processors(16)) == expected


def test_the_interface_of_the_cheapest_way_out(tmp_path: Path) -> None:
    table = tmp_path / "route"
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    row = "{}\t00000000\t0101A8C0\t0003\t0\t0\t{}\t00000000\t0\t0\t0\n"
    table.write_text(head + row.format("wlan0", 600) + row.format("eth0", 100))

    assert look.default_route(str(table)) == {"interface": "eth0"}
    table.write_text(head)
    assert look.default_route(str(table)) == {}


def test_an_interrupted_dpkg_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0001").touch()
    monkeypatch.setattr(look, "UPDATES", tmp_path)

    with pytest.raises(Trouble, match="dpkg --configure -a"):
        look.refuse_broken()


@pytest.mark.parametrize(
    ("room", "said"),
    [
        ({"f_bavail": 10, "f_files": 100, "f_favail": 90}, "has no megabyte left"),
        ({"f_bavail": 10**6, "f_files": 100, "f_favail": 3}, "has no room for another file"),
        # A file system that counts no files.
        ({"f_bavail": 10**6, "f_files": 0, "f_favail": 0}, ""),
    ],
)
def test_a_full_disk_is_refused_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: dict[str, int], said: str
) -> None:
    monkeypatch.setattr(look, "FOLDERS", (str(tmp_path / "not-there"), str(tmp_path)))
    monkeypatch.setattr(look, "UPDATES", tmp_path)
    monkeypatch.setattr("os.statvfs", lambda folder: SimpleNamespace(f_frsize=4096, **room))
    if not said:
        look.refuse_broken()
        return
    with pytest.raises(Trouble, match=said) as refused:
        look.refuse_broken()
    assert str(tmp_path) in str(refused.value)
