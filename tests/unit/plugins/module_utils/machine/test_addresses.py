"""A balancer finishes what it has before its virtual address goes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.addresses import (
    Handover,
    guard_script,
    ruleset,
)

LINKS = [{"addr_info": [{"local": "10.0.0.11"}, {"local": "10.0.0.100"}]}, {"addr_info": [{"local": "2001:db8::64"}]}, {}]


class Host:
    """Has addresses and workers; remembers what was run, in order."""

    def __init__(self, processes: Path, ends_after_reload: bool = True) -> None:
        self.processes, self.ends_after_reload = processes, ends_after_reload
        self.commands: list[str] = []
        self.rules = ""
        self.broken = ""
        (processes / "17").mkdir()

    def run(self, command: list[str], stdin: str | None = None) -> Outcome:
        self.commands.append(" ".join(command))
        if command[0] == self.broken:
            return Outcome(1, "not permitted")
        if command[0] == "ip":
            return Outcome(0, json.dumps(LINKS))
        if command[0] == "nft":
            self.rules = stdin or ""
        if command[:2] == ["systemctl", "reload"] and self.ends_after_reload:
            (self.processes / "17").rmdir()
        return Outcome(0, "")

    def handover(self, *addresses: str) -> Handover:
        return Handover(addresses, self.run, lambda: {17}, self.processes)


def test_only_addresses_that_the_host_has_are_handed_over(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert host.handover("10.0.0.100/24", "10.0.0.101/24", "2001:db8::64/64").held() == {"10.0.0.100", "2001:db8::64"}


def test_new_visitors_are_held_off_before_the_web_server_is_told_to_finish(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert host.handover("10.0.0.100/24").quiet(5) < 1
    words = [command.split()[0] for command in host.commands]
    assert words == ["ip", "nft", "systemd-run", "systemctl"]
    assert "ip daddr { 10.0.0.100 } tcp flags & (fin | syn | rst | ack) == syn drop" in host.rules


def test_requests_that_do_not_end_are_not_waited_for_longer_than_said(tmp_path: Path) -> None:
    host = Host(tmp_path, ends_after_reload=False)
    assert 0.1 <= host.handover("10.0.0.100/24").quiet(0.1) < 2


@pytest.mark.parametrize("broken", ["systemd-run", "nft"])
def test_the_web_server_is_left_alone_when_visitors_cannot_be_held_off(tmp_path: Path, broken: str) -> None:
    host = Host(tmp_path)
    host.broken = broken
    with pytest.raises(Trouble, match="not permitted"):
        host.handover("10.0.0.100/24").quiet(1)
    assert not any(command.startswith("systemctl") for command in host.commands)


def test_a_host_whose_guard_does_not_start_lets_visitors_in_again(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.broken = "systemd-run"
    with pytest.raises(Trouble):
        host.handover("10.0.0.100/24").quiet(1)
    assert host.commands[-1] == "nft delete table inet hotclub_handover"


def test_the_guard_waits_until_the_addresses_have_left(tmp_path: Path) -> None:
    for name, script in {
        # The address has left at the third look.
        "ip": f'echo >> {tmp_path}/looks; [ $(wc -l < {tmp_path}/looks) -ge 3 ] || echo "2: eth0 inet 10.0.0.100/24"',
        "nft": f'echo "$@" >> {tmp_path}/rules',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(
        ["sh", "-c", guard_script(["10.0.0.100"], 2)], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, timeout=20
    )
    assert (tmp_path / "rules").read_text() == "delete table inet hotclub_handover\n"
    assert len((tmp_path / "looks").read_text().splitlines()) == 3


def test_the_rules_name_both_families_and_begin_afresh() -> None:
    rules = ruleset(["2001:db8::64", "10.0.0.101", "10.0.0.100"])
    assert "ip daddr { 10.0.0.100, 10.0.0.101 } tcp" in rules and "ip6 daddr { 2001:db8::64 } tcp" in rules
    assert rules.startswith("table inet hotclub_handover\ndelete table inet hotclub_handover\n"), "rules of before are gone"
    assert "ip6" not in ruleset(["10.0.0.100"])


def test_the_guard_outlasts_the_wait_for_requests_under_way(tmp_path: Path) -> None:
    assert "seq 350)" in guard_script(["10.0.0.100"], 25)
    host = Host(tmp_path)
    host.handover("10.0.0.100/24").quiet(0.1)
    assert any("seq 101)" in command for command in host.commands)


def test_keepalived_gives_the_addresses_away_or_says_that_it_did_not(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.handover("10.0.0.100/24").leave("stop")
    assert host.commands == ["systemctl stop keepalived.service"]
    host.broken = "systemctl"
    with pytest.raises(Trouble, match="still here: not permitted"):
        host.handover("10.0.0.100/24").leave("reload")
