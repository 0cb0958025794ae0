"""The logic of hosts that leave, for good or for a while."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.departure import FilterModule, departure
from ansible_collections.hotclub.django.plugins.filter.topology import topology
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.service import has_files
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import Server, drained_here, takes_over
from ansible_collections.hotclub.django.plugins.module_utils.release.departure import Departure, in_order
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps import balancer_drain

GROUPS = {
    "all": ["lb1", "lb2", "app1", "app2", "db1", "web1"],
    "lb": ["lb1", "lb2"],
    "app": ["app1", "app2"],
    "db": ["db1"],
}
STATES = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight
5 shop 1 app1 10.0.0.21 2 0 1
5 shop 2 app2 10.0.0.22 2 8 1
5 shop 3 app3 10.0.0.23 0 5 1
"""


def problems(host: str, groups: dict[str, list[str]] | None = None, drained: str = "", run: list[str] | None = None) -> list[str]:
    known = groups or GROUPS
    hostvars: dict[str, Any] = {name: {"site_app_drained": name == drained} for name in known["all"]}
    return departure(known, host, topology(known, hostvars, [host]), run or known["all"])


@pytest.mark.parametrize("host", ["lb2", "app1"])
def test_a_host_that_others_stand_in_for_may_leave(host: str) -> None:
    assert problems(host) == []


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", ["-e decommission_host=<host>", "app1, app2"]),
        ("app9", ["app9", "no such host", "playbooks/site.yml"]),
        ("db1", ["db1 keeps the database", "move_database.yml -e move_database_from=db1"]),
    ],
)
def test_a_refusal_names_the_host_and_the_remedy(host: str, words: list[str]) -> None:
    [problem] = problems(host)

    assert all(word in problem for word in words), problem


@pytest.mark.parametrize(("tier", "host"), [("lb", "lb1"), ("app", "app1")])
def test_the_last_host_of_a_tier_stays(tier: str, host: str) -> None:
    [problem] = problems(host, {**GROUPS, tier: [host]})

    assert f"{host} is the last host of the group {tier}" in problem
    assert f"Put another host into the group {tier}" in problem


def test_a_single_server_is_told_everything_at_once() -> None:
    groups = {"all": ["web1"], "lb": ["web1"], "app": ["web1"], "db": ["web1"]}

    assert len(problems("web1", groups)) == 3


def test_hosts_that_take_no_requests_are_no_replacement() -> None:
    [problem] = problems("app1", drained="app2")

    assert "site_app_drained" in problem and "app2" in problem


def test_a_run_that_leaves_hosts_out_is_refused() -> None:
    [problem] = problems("app1", run=["app1"])

    assert "lb1" in problem and "--limit" in problem


def test_the_filter_is_known_by_name() -> None:
    assert FilterModule().filters() == {"departure": departure}


def test_sockets_end_before_what_they_would_wake() -> None:
    release = "20261123T081500-1a2b3c4"
    units = [f"shop@{release}.service", f"shop-direct@{release}.socket", "shop-net.socket", "shop.socket"]

    assert in_order(units, "shop") == [
        "shop.socket",
        "shop-net.socket",
        f"shop-direct@{release}.socket",
        f"shop@{release}.service",
    ]


def test_everything_goes_but_what_visitors_have_uploaded(tmp_path: Path) -> None:
    root, units = tmp_path / "srv", tmp_path / "units"
    for folder in (root / "etc", root / "releases", root / "shared" / "media"):
        folder.mkdir(parents=True)
    (root / "current").symlink_to("releases/x")
    (root / "shared" / "media" / "cat.png").touch()
    for folder in (units / "shop.socket.d", units / "multi-user.target.wants", units / "sockets.target.wants"):
        folder.mkdir(parents=True)
    mine = units / "multi-user.target.wants" / "shop@20261123T081500-1a2b3c4.service"
    other = units / "multi-user.target.wants" / "shop2@20261123T081500-1a2b3c4.service"
    for link in (mine, other):
        link.symlink_to("/nowhere")
    leaving = Departure(Site.at("shop", str(root)), units)

    assert [path.name for path in leaving.contents()] == ["current", "etc", "releases"]
    assert list(leaving.leftovers()) == [units / "shop.socket.d", mine]
    assert leaving.uploads() == str(root / "shared")


def test_what_was_drained_by_hand_is_told_from_what_the_inventory_drains() -> None:
    assert drained_here(STATES) == ["app2"]
    assert drained_here("") == []


@pytest.mark.parametrize(
    ("states", "leaving", "possible"),
    [
        ({"app1": "UP", "app2": "UP"}, ["app1"], True),
        ({"app1": "UP", "app2": "UP 1/2"}, ["app1"], True),
        ({"app1": "UP", "app2": "DOWN"}, ["app1"], False),
        ({"app1": "UP", "app2": "DRAIN"}, ["app1"], False),
        ({"app1": "UP"}, ["app9"], True),
    ],
)
def test_no_host_is_drained_that_nobody_stands_in_for(states: dict[str, str], leaving: list[str], possible: bool) -> None:
    found = [Server(name, status, 1, 0, 0, 0, "", 0) for name, status in states.items()]

    assert takes_over(found, leaving) is possible


class Balancer:
    """HAProxy, as far as its admin socket shows it: a status and the number of sessions for each look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: dict[str, tuple[str, list[int]]]) -> None:
        self.looks, self.orders = looks, list[str]()
        monkeypatch.setattr(balancer_drain, "POLL_SECONDS", 0)
        monkeypatch.setattr(balancer_drain, "ask", lambda command: command)
        monkeypatch.setattr(balancer_drain, "servers", lambda text, site: self.view())
        monkeypatch.setattr(balancer_drain, "order", self.orders.append)

    def view(self) -> list[Server]:
        return [
            Server(name, status, 1, sessions.pop(0) if len(sessions) > 1 else sessions[0], 0, 0, "L7OK", 0)
            for name, (status, sessions) in self.looks.items()
        ]

    def module(self, servers: list[str] | None, **more: Any) -> Any:
        return SimpleNamespace(check_mode=False, params={"site": "shop", "servers": servers, "seconds": 5, **more})


def test_a_drained_host_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [3, 2, 0]), "app2": ("UP", [9])})

    assert balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], [])
    assert balancer.orders == ["set server shop/app1 state drain"]
    assert balancer.looks["app1"][1] == [0]


def test_a_host_that_is_drained_already_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("DRAIN", [0]), "app2": ("UP", [9])})

    assert not balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], ["app1"])
    assert balancer.orders == []


def test_the_last_host_that_is_up_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [0]), "app2": ("DOWN", [0])})

    with pytest.raises(Trouble, match=r"no other application host of shop up, so app1 must go on.*status\.yml"):
        balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], [])
    assert balancer.orders == []
    assert balancer_drain.drain(balancer.module(None), balancer.view(), ["app1", "app2"], []), "a balancer that leaves drains all"


def test_only_what_was_drained_by_hand_is_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [0]), "app2": ("UP", [0])})

    assert balancer_drain.make_ready(balancer.module(["app1", "app2"]), ["app1", "app2"], ["app2"])
    assert balancer.orders == ["set server shop/app2 state ready"]


def test_a_host_that_does_not_come_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("DOWN", [0])})

    with pytest.raises(Trouble, match=r"app1 is DOWN \(L7OK\).*journalctl"):
        balancer_drain.make_ready(balancer.module(["app1"], seconds=0.1), ["app1"], ["app1"])
    assert balancer_drain.make_ready(balancer.module(["app1"], seconds=0), ["app1"], ["app1"]), "nobody waits"


def test_a_service_is_needed_while_a_site_has_a_file(tmp_path: Path) -> None:
    assert not has_files(tmp_path / "none")
    assert not has_files(tmp_path)
    (tmp_path / "shop.cfg").touch()
    assert has_files(tmp_path)
