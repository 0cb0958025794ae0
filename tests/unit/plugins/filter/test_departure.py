"""Which hosts may leave for good."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.departure import FilterModule, departure
from ansible_collections.hotclub.django.plugins.filter.topology import topology

GROUPS = {
    "all": ["lb1", "lb2", "app1", "app2", "db1", "web1"],
    "lb": ["lb1", "lb2"],
    "app": ["app1", "app2"],
    "db": ["db1"],
}


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


@pytest.mark.parametrize(("host", "group"), [("db2", "db"), ("d1", "dcs"), ("db1", "db and dcs")])
def test_members_of_a_cluster_leave_by_the_inventory(host: str, group: str) -> None:
    groups = {**GROUPS, "all": [*GROUPS["all"], "db2", "db3", "d1"], "db": ["db1", "db2", "db3"], "dcs": ["d1", "db1"]}
    [problem] = problems(host, groups)

    assert f"{host} is in the group {group}" in problem and "docs/database-cluster.md" in problem
    assert problems("app1", groups) == []


def test_hosts_that_take_no_requests_are_no_replacement() -> None:
    [problem] = problems("app1", drained="app2")

    assert "site_app_drained" in problem and "app2" in problem


def test_a_run_that_leaves_hosts_out_is_refused() -> None:
    [problem] = problems("app1", run=["app1"])

    assert "lb1" in problem and "--limit" in problem


def test_the_filter_is_known_by_name() -> None:
    assert FilterModule().filters() == {"departure": departure}
