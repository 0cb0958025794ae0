"""Firewalls of others: which would refuse what a site lets in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine import other_firewalls
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding

RULES = "\n".join(
    ["    udp sport 67 udp dport 68 accept", *(f"add rule inet hotclub flows tcp dport {port} accept" for port in (22, 80, 443))]
)
FILTER: dict[str, Any] = {"type": "filter", "hook": "input", "prio": 0, "policy": "accept"}


def chain(name: str, family: str = "ip", table: str = "filter", **more: Any) -> dict[str, Any]:
    return {"chain": {"family": family, "table": table, "name": name, "handle": 1, **more}}


def rule(place: str, *words: str, family: str = "ip", table: str = "filter") -> dict[str, Any]:
    return {"rule": {"family": family, "table": table, "chain": place, "expr": [{word: None} for word in words]}}


DOCKERS = [
    chain("INPUT", **FILTER),
    rule("INPUT", "counter", "jump"),
    chain("FORWARD", **FILTER | {"hook": "forward", "policy": "drop"}),
    chain("DOCKER", table="nat", type="nat", hook="prerouting", policy="accept"),
    chain("f2b-chain", "inet", "f2b-table", **FILTER),
    rule("f2b-chain", "match", "match", "reject", family="inet", table="f2b-table"),
    chain("input", "inet", "hotclub", **FILTER | {"policy": "drop"}),
]
FIREWALLD = [
    chain("filter_INPUT", "inet", "firewalld", **FILTER),
    rule("filter_INPUT", "reject", family="inet", table="firewalld"),
]
UFWS = [chain("INPUT", **FILTER | {"policy": "drop"}), chain("INPUT", "ip6", **FILTER | {"policy": "drop"})]


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_firewalls, "UFW", tmp_path / "ufw")
    monkeypatch.setattr(other_firewalls, "UFW_DEFAULTS", tmp_path / "ufw-defaults")
    monkeypatch.setattr(other_firewalls, "LEGACY_TABLES", tmp_path / "ip_tables_names")
    monkeypatch.setattr("shutil.which", lambda name, path: f"/usr/sbin/{name}")


def ufw(tmp_path: Path, *tuples: str, enabled: str = "yes") -> None:
    (tmp_path / "ufw").mkdir()
    (tmp_path / "ufw" / "ufw.conf").write_text(f"ENABLED={enabled}\nLOGLEVEL=low\n")
    (tmp_path / "ufw" / "user.rules").write_text("".join(f"### tuple ### {words} in\n" for words in tuples))


def found(listing: Sequence[Mapping[str, Any]], **answers: str) -> list[Finding]:
    def run(command: Sequence[str]) -> Outcome:
        if command[0] == "nft":
            return Outcome(0, json.dumps({"nftables": [{"metainfo": {}}, *listing]}))
        return Outcome(0, answers.get(command[0].replace("-", "_"), "-P INPUT ACCEPT\n"))

    return list(other_firewalls.other_firewalls(run, RULES))


def test_docker_and_fail2ban_are_in_nobodys_way() -> None:
    assert found(DOCKERS) == []


@pytest.mark.parametrize(
    ("listing", "named"),
    [
        (FIREWALLD, "inet firewalld filter_INPUT"),
        (UFWS, "ip filter INPUT, ip6 filter INPUT"),
        ([chain("own", "inet", "mine", **FILTER | {"policy": "drop"})], "inet mine own"),
    ],
)
def test_a_chain_that_refuses_the_rest_is_named_with_the_ports_that_it_must_let_in(listing: list[Any], named: str) -> None:
    [finding] = found(listing)

    assert f"({named})" in finding.what
    assert "22/tcp, 80/tcp, 443/tcp" in finding.remedy
    assert not finding.refused


def test_rules_of_the_older_iptables_are_seen_too(tmp_path: Path) -> None:
    (tmp_path / "ip_tables_names").write_text("filter\n")

    [finding] = found([], iptables_legacy="-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp\n")

    assert "(ip filter INPUT)" in finding.what


def test_ufw_is_told_of_where_it_lets_the_site_in(tmp_path: Path) -> None:
    ufw(tmp_path, "allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full -", "limit any 20:30 0.0.0.0/0 any 0.0.0.0/0")

    [finding] = found(UFWS)

    assert "ufw is active and stays" in finding.what
    assert not finding.refused


def test_ufw_that_would_keep_visitors_out_is_refused_with_the_commands(tmp_path: Path) -> None:
    ufw(
        tmp_path,
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0",
        "deny tcp 80 0.0.0.0/0 any 0.0.0.0/0",
        "allow udp 443 0.0.0.0/0 any 0.0.0.0/0",
    )

    [finding] = found(UFWS)

    assert finding.refused
    assert "ufw allow 80/tcp; ufw allow 443/tcp." in finding.remedy


def test_ufw_that_is_off_or_lets_everybody_in_is_in_nobodys_way(tmp_path: Path) -> None:
    ufw(tmp_path, enabled="no")
    assert found([]) == []

    (tmp_path / "ufw" / "ufw.conf").write_text("ENABLED=yes\n")
    (tmp_path / "ufw-defaults").write_text('DEFAULT_INPUT_POLICY="ACCEPT"\n')
    assert found([]) == []
