"""The firewall: who is let in, what the rules become, and how they come and go."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.filter.firewall_rules import firewall_rules
from ansible_collections.hotclub.django.plugins.filter.host_flows import host_flows
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine import firewall as engine
from ansible_collections.hotclub.django.plugins.module_utils.machine.firewall import Firewall, bring_about, plan
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import Wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.links import flows

TIERS: dict[str, Any] = {
    "lb": [{"name": "lb1", "address": "10.0.0.10"}, {"name": "lb2", "address": "10.0.0.11"}],
    "app": [{"name": "app1", "address": "10.0.0.21"}, {"name": "lb2", "address": "10.0.0.11"}],
    "db": [{"name": "db1", "address": "10.0.0.31"}],
}
LINKS: dict[str, dict[str, Any]] = {
    "visitors": {"from": "world", "to": "lb", "port": 80, "why": "visitors"},
    "operators": {"from": "controller", "to": "all", "port": 22, "why": "Ansible"},
    "requests": {"from": "lb", "to": "app", "port": 8000, "why": "requests"},
    "database": {"from": "app", "to": "db", "port": 5432, "why": "the database"},
    "addresses": {"from": "lb", "to": "lb", "protocol": "vrrp", "why": "who has the address"},
    "copy": {"from": "db", "to": "old", "port": 5432, "why": "the copy"},
}


def flows_to(host: str) -> list[dict[str, Any]]:
    peers = {peer["name"]: peer for peers in TIERS.values() for peer in peers}
    return host_flows(flows(LINKS, TIERS, peers.get(host, {"name": host, "address": "10.0.0.99"})))


def let_in(host: str) -> dict[str, list[str]]:
    return {flow["why"]: flow["sources"] for flow in flows_to(host)}


def test_a_host_lets_in_what_is_sent_to_its_tiers() -> None:
    assert let_in("db1") == {"the database": ["10.0.0.21", "10.0.0.11"]}
    assert let_in("lb1") == {"visitors": ["0.0.0.0/0", "::/0"], "who has the address": ["10.0.0.11"]}


def test_a_host_in_two_tiers_does_not_need_to_let_itself_in() -> None:
    assert let_in("lb2")["requests"] == ["10.0.0.10"]


def test_a_flow_may_lead_to_a_single_host_of_no_tier() -> None:
    assert let_in("old") == {"the copy": ["10.0.0.31"]}


def matches(sources: list[str], found: dict[str, str] | None = None, **flow: Any) -> list[str]:
    described = {"port": 5432, "protocol": "tcp", "sources": sources, "why": "a test"} | flow
    return [rule["match"] for rule in firewall_rules([described], found)]


@pytest.mark.parametrize(
    ("sources", "rules"),
    [
        (["10.0.0.1"], ["ip saddr 10.0.0.1 tcp dport 5432"]),
        (["10.0.0.1", "10.0.0.0/24"], ["ip saddr 10.0.0.0/24 tcp dport 5432"]),
        (["10.0.0.1", "fd00::1"], ["ip saddr 10.0.0.1 tcp dport 5432", "ip6 saddr fd00::1 tcp dport 5432"]),
        (["10.0.0.2", "10.0.0.1"], ["ip saddr 10.0.0.1 tcp dport 5432", "ip saddr 10.0.0.2 tcp dport 5432"]),
        (["[fd00::1]"], ["ip6 saddr fd00::1 tcp dport 5432"]),
        (["0.0.0.0/0", "::/0"], ["tcp dport 5432"]),
        (["0.0.0.0/0"], ["meta nfproto ipv4 tcp dport 5432"]),
        ([], []),
    ],
)
def test_each_source_has_a_rule_of_its_own(sources: list[str], rules: list[str]) -> None:
    assert matches(sources) == rules


def test_a_name_stands_for_all_its_addresses() -> None:
    found = {"app1": "10.0.0.21 STREAM app1\n10.0.0.21 DGRAM\nfd00::21 STREAM\n"}

    assert matches(["app1"], found) == ["ip saddr 10.0.0.21 tcp dport 5432", "ip6 saddr fd00::21 tcp dport 5432"]


def test_a_name_without_address_is_refused_with_the_remedy() -> None:
    with pytest.raises(AnsibleFilterError, match=r"app1.*Set private_address"):
        matches(["app1"], {"app1": ""})


@pytest.mark.parametrize("flow", [{"port": "80; accept"}, {"protocol": "gre"}, {"sources": ["10.0.0.1 } accept"]}])
def test_what_is_no_flow_never_becomes_a_rule(flow: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError):
        matches(**({"sources": ["10.0.0.1"]} | flow))


def test_a_reason_stays_between_its_quotation_marks() -> None:
    [rule] = firewall_rules([{"port": 1, "protocol": "tcp", "sources": ["::1"], "why": 'a" accept #\nb' + "x" * 200}])

    assert rule["why"].startswith("a accept bx") and len(rule["why"]) <= 128


def test_the_rules_of_a_site(render: Callable[..., str]) -> None:
    text = render(
        *("firewall", "etc/hotclub/firewall/sites/_site_.nft.j2"),
        firewall_site_name="shop",
        firewall_flows=flows_to("lb1"),
        firewall_allowed=[{"port": 9100, "protocol": "tcp", "sources": ["10.0.0.99"], "why": "metrics"}],
        firewall_peers=["10.0.0.21"],
        firewall_ssh_sources=["198.51.100.0/24"],
    )

    assert engine.rules_of(text) == [
        'add rule inet hotclub flows ip saddr 198.51.100.0/24 tcp dport 22 goto ssh comment "SSH"',
        'add rule inet hotclub flows tcp dport 80 accept comment "visitors"',
        'add rule inet hotclub flows ip saddr 10.0.0.11 meta l4proto 112 accept comment "who has the address"',
        'add rule inet hotclub flows ip saddr 10.0.0.99 tcp dport 9100 accept comment "metrics"',
        "add rule inet hotclub peers ip saddr 10.0.0.21 meta l4proto tcp reject with tcp reset",
        "add rule inet hotclub peers ip saddr 10.0.0.21 reject with icmpx admin-prohibited",
    ]


def test_what_all_sites_share_names_nobody_and_flushes_nothing(render: Callable[..., str]) -> None:
    text = render("firewall", "etc/hotclub/firewall/base.nft.j2")

    assert "policy drop" in text and "\ntable inet hotclub\ndelete table inet hotclub\n" in text
    assert not [line for line in text.splitlines() if "flush" in line and not line.startswith("#")]
    assert "log prefix" not in text
    assert "log prefix" in render("firewall", "etc/hotclub/firewall/base.nft.j2", firewall_log_enabled=True)


class Kernel:
    """A host on which rules are loaded, as far as the engine asks it."""

    def __init__(self) -> None:
        self.loaded: str | None = None
        self.timer = False
        self.refuses = False
        self.done: list[str] = []

    def run(self, command: list[str], stdin: str = "") -> Outcome:
        words = " ".join(command)
        if words.startswith("unshare"):
            return Outcome(1, "syntax error") if self.refuses else Outcome(0, self._listing(stdin))
        if "list table" in words:
            return Outcome(1, "") if self.loaded is None else Outcome(0, self._listing(self.loaded))
        if command[0] == engine.NFT:
            self.loaded = stdin if "--file" in command else None
        elif command[0] == "systemd-run":
            self.timer = True
        elif words.startswith("systemctl is-active"):
            return Outcome(0 if self.timer else 3)
        elif words.startswith("systemctl stop"):
            self.timer = False
        elif words.startswith("systemctl show"):
            return Outcome(0, "UnitFileState=enabled\nActiveState=active\nNeedDaemonReload=no")
        self.done.append(words)
        return Outcome(0, "")

    def fire(self, text: str | None) -> None:
        """Let the timer bring back what was there."""
        self.timer, self.loaded = False, text

    def _listing(self, text: str) -> str:
        rules = [line for line in text.splitlines() if line and not line.startswith("#")]
        listed: list[Any] = [{"metainfo": {}}, *({"rule": {"expr": rule, "handle": id(rule)}} for rule in rules)]
        return json.dumps({"nftables": listed})


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    monkeypatch.setattr(engine, "SITES", str(tmp_path / "sites"))
    monkeypatch.setattr(engine, "BASE", str(tmp_path / "base.nft"))
    monkeypatch.setattr(engine, "NFT", "/bin/sh")
    (tmp_path / "sites").mkdir()
    return Kernel()


def site(name: str, *rules: str) -> Wanted:
    return wanted(f"{engine.SITES}/{name}.nft", "".join(f"add rule {rule}\n" for rule in rules))


def wanted(path: str, text: str) -> Wanted:
    return Wanted(path, "file", text.encode(), owner=str(os.getuid()), group=str(os.getgid()))


def run(
    kernel: Kernel, state: str, *rules: str, confirmed: bool = False, dry: bool = False, name: str = "shop"
) -> engine.Outcome:
    own = site(name, *rules)
    files = [wanted(engine.BASE, "base\n"), own]
    return bring_about(Firewall(kernel.run, lambda _: None), lambda: plan(state, files, own.path), confirmed, 30, dry)


def keep(kernel: Kernel, state: str, *rules: str, name: str = "shop") -> engine.Outcome:
    assert run(kernel, state, *rules, name=name).pending
    return run(kernel, state, *rules, name=name, confirmed=True)


def on_disk(name: str = "shop") -> list[str]:
    path = Path(f"{engine.SITES}/{name}.nft")
    return [rule.removeprefix("add rule ") for rule in engine.rules_of(path.read_text())] if path.exists() else []


def test_new_rules_are_written_only_when_they_are_confirmed(kernel: Kernel) -> None:
    assert run(kernel, "closed", "a").pending and kernel.timer
    assert on_disk() == []

    assert not run(kernel, "closed", "a", confirmed=True).returned
    assert on_disk() == ["a"] and not kernel.timer


def test_the_second_time_nothing_is_done(kernel: Kernel) -> None:
    keep(kernel, "closed", "a")
    kernel.done.clear()

    outcome = run(kernel, "closed", "a")

    assert (outcome.changes, outcome.actions, outcome.pending, kernel.done) == ([], [], False, [])


def test_a_confirmation_that_comes_too_late_writes_nothing(kernel: Kernel) -> None:
    keep(kernel, "closed", "a")
    before = kernel.loaded
    run(kernel, "closed", "b")
    kernel.fire(before)

    assert run(kernel, "closed", "b", confirmed=True).returned
    assert on_disk() == ["a"] and kernel.loaded == before


def test_rules_that_nftables_refuses_are_never_loaded(kernel: Kernel) -> None:
    kernel.refuses = True

    with pytest.raises(Trouble, match="nothing was changed"):
        run(kernel, "closed", "nonsense")
    assert kernel.loaded is None and not kernel.timer


def test_check_mode_loads_nothing(kernel: Kernel) -> None:
    outcome = run(kernel, "closed", "a", dry=True)

    assert outcome.changes and outcome.actions and not outcome.pending
    assert kernel.loaded is None and not kernel.done


def test_the_first_firewall_learns_the_connections_before_it_refuses_any(kernel: Kernel) -> None:
    slept: list[Any] = []
    own = site("shop", "a")
    files = [wanted(engine.BASE, "base\n"), own]
    firewall = Firewall(kernel.run, lambda _: slept.append(kernel.loaded))

    bring_about(firewall, lambda: plan("closed", files, own.path), False, 30, False)

    assert slept == [engine.WARM_UP]


def test_what_was_open_stays_open_until_it_is_closed(kernel: Kernel) -> None:
    keep(kernel, "closed", "old", "both")

    assert keep(kernel, "opened", "both", "new").surplus
    assert on_disk() == ["both", "new", "old"]
    again = run(kernel, "opened", "both", "new")
    assert again.surplus and not again.changes

    assert not keep(kernel, "closed", "both", "new").surplus
    assert on_disk() == ["both", "new"]
    assert not run(kernel, "opened", "both", "new").surplus


def test_who_may_log_in_changes_at_once(kernel: Kernel) -> None:
    keep(kernel, "closed", "old goto ssh comment", "a")

    keep(kernel, "opened", "new goto ssh comment")

    assert on_disk() == ["a", "new goto ssh comment"]


def test_who_is_admitted_takes_nothing_from_others(kernel: Kernel) -> None:
    keep(kernel, "closed", "a")

    keep(kernel, "admitted", "b")

    assert on_disk() == ["a", "b"]
    assert not run(kernel, "admitted", "b").changes
    # Nor does a run that knows both change anything.
    assert not run(kernel, "opened", "b", "a").changes


def test_who_is_admitted_opens_no_other_port_for_logins(kernel: Kernel) -> None:
    keep(kernel, "closed", "tcp dport 22 goto ssh comment SSH")

    # Nobody has asked this host at which port it is reached.
    keep(kernel, "admitted", "tcp dport 2222 goto ssh comment SSH", "b")

    assert on_disk() == ["b", "tcp dport 22 goto ssh comment SSH"]


def test_sites_share_the_table_and_leave_it_one_by_one(kernel: Kernel) -> None:
    keep(kernel, "closed", "a")
    keep(kernel, "closed", "b", name="other")
    assert kernel.loaded and {"add rule a", "add rule b"} <= set(kernel.loaded.splitlines())

    keep(kernel, "left")
    assert kernel.loaded and "add rule a" not in kernel.loaded and "add rule b" in kernel.loaded

    assert run(kernel, "left", name="other").changes
    assert kernel.loaded is None and not Path(engine.BASE).exists()
    assert not run(kernel, "left", name="other").changes


def test_another_run_s_trial_is_waited_for(kernel: Kernel) -> None:
    run(kernel, "closed", "a", name="other")
    waited: list[bool] = []

    def pass_time(_: float) -> None:
        waited.append(kernel.timer)
        kernel.fire(None)

    own = site("shop", "b")
    files = [wanted(engine.BASE, "base\n"), own]
    bring_about(Firewall(kernel.run, pass_time), lambda: plan("closed", files, own.path), False, 30, False)

    assert waited[0] is True and kernel.loaded and "add rule a" not in kernel.loaded


def test_what_the_kernel_learns_makes_no_difference() -> None:
    learnt: list[dict[str, Any]] = [{"set": {"name": "ssh4", "type": "ipv4_addr", "handle": 3, "elem": ["10.0.0.1"]}}]
    fresh: list[dict[str, Any]] = [{"metainfo": {}}, {"set": {"name": "ssh4", "type": "ipv4_addr", "handle": 7}}]

    assert engine.comparable(learnt) == engine.comparable(fresh)
