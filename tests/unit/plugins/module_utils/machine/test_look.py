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

    assert used - {"hotclub_login", "hotclub_addresses", "hotclub_time_daemon", "hotclub_ssh_port"} <= set(look.facts())


def test_a_daemon_that_keeps_the_time_already_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "TIME_DAEMONS", {"chrony": f"{tmp_path}/chronyd", "ntpsec": f"{tmp_path}/ntpd"})

    assert look.time_daemon() == ""
    (tmp_path / "ntpd").touch()
    assert look.time_daemon() == "ntpsec"


def process(folder: Path, parent: int, environment: str) -> None:
    folder.mkdir()
    (folder / "stat").write_text(f"7 (sh (-c)) S {parent} 1 1")
    (folder / "environ").write_text(environment)


def test_the_port_of_the_host_itself_is_known_behind_sudo(tmp_path: Path) -> None:
    process(tmp_path / str(os.getpid()), 50, "PATH=/bin\0SUDO_USER=alice\0")
    process(tmp_path / "50", 40, "SSH_CLIENT=x\0SSH_CONNECTION=198.51.100.7 50000 10.0.0.5 2022\0HOME=/home/alice\0")

    assert look.ssh_port(tmp_path) == {"hotclub_ssh_port": 2022}
    process(tmp_path / "40", 1, "")
    (tmp_path / "50" / "environ").write_text("")
    assert look.ssh_port(tmp_path) == {}


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
