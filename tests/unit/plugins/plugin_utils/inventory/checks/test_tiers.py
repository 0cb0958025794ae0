"""Hosts of no tier, and what a tier has to have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.hotclub.django.plugins.filter.departure import departure
from ansible_collections.hotclub.django.plugins.filter.reboot_plan import reboot_plan
from ansible_collections.hotclub.django.plugins.filter.topology import all_tiers, topology
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.tiers import check_tiers, remark_strays
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, Tier, hosts_by_tier, placed

SINGLE = {"lb": ["web1"], "app": ["web1"], "db": ["web1"]}
SEARCH = Tier("search", "keep", "what is searched", ("opensearch", "elastic"), may_be_empty=True)


def test_hosts_of_no_tier_are_left_alone_with_a_remark() -> None:
    groups = {"all": ["web1", "mail1", "mail2"], "mail": ["mail1", "mail2"], **SINGLE}
    [(remark, hosts)] = remark_strays(groups)

    assert list(check_tiers(groups)) == [] and placed(groups) == ["web1"]
    assert hosts == ["mail1", "mail2"] and "put it into lb, app, db, dcs, worker, cache, backup or monitoring" in remark.remedy


def test_an_inventory_of_one_site_has_no_remark() -> None:
    assert list(remark_strays({"all": ["web1"], **SINGLE})) == []


def test_a_host_of_no_tier_can_t_leave_and_none_has_to_be_in_the_run() -> None:
    groups = {"all": ["web1", "web2", "mail1"], "lb": ["web1", "web2"], "app": ["web1", "web2"], "db": ["web1"]}
    tiers = topology(groups, {host: {} for host in groups["all"]}, ["web2"])

    assert departure(groups, "web2", tiers, ["web1", "web2"]) == []
    assert "no such host in a tier" in departure(groups, "mail1", tiers, ["web1", "web2"])[0]


def test_a_new_tier_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "search", SEARCH)
    groups = {"all": ["web1", "search1"], **SINGLE, "elastic": ["search1"]}

    assert [complaint.remedy for complaint in check_tiers(groups)] == ["Did you mean the group search?"]
    with_search = {"all": ["web1", "search1"], **SINGLE, "search": ["search1"]}
    assert list(check_tiers(with_search)) == [] and placed(with_search) == ["web1", "search1"]
    assert (all_tiers(with_search), all_tiers(groups), all_tiers({})) == ("lb:app:db:search", "lb:app:db", ":".join(TIERS))
    assert topology(with_search, {"web1": {}, "search1": {}})["search"] == [{"name": "search1", "address": "search1"}]
    assert (
        departure(with_search, "search1", topology(with_search, {"web1": {}, "search1": {}}, ["search1"]), ["web1", "search1"])
        == []
    )
    assert reboot_plan("search1", hosts_by_tier(with_search), "always", False, {})["reboot"]


@pytest.mark.parametrize("name", ["monitor", "etcd"])
def test_a_group_that_only_resembles_an_optional_tier_is_left_alone(name: str) -> None:
    groups = {"all": ["web1", "mon1"], **SINGLE, name: ["mon1"]}

    assert list(check_tiers(groups)) == [] and [hosts for _remark, hosts in remark_strays(groups)] == [["mon1"]]


def test_a_tier_that_must_have_hosts_says_what_nobody_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "search", replace(SEARCH, may_be_empty=False))

    [complaint] = check_tiers({"all": ["web1"], **SINGLE})

    assert (complaint.subject, complaint.wrong) == ("group search", "has no host, so nothing keeps what is searched")


@pytest.mark.parametrize(("databases", "deciders"), [(1, 0), (3, 0), (5, 0), (2, 3), (3, 3), (4, 3), (4, 5)])
def test_a_majority_can_decide_which_database_host_is_the_primary(databases: int, deciders: int) -> None:
    assert list(check_tiers(with_databases(databases, deciders))) == []


@pytest.mark.parametrize(
    ("databases", "deciders", "subject", "remedy"),
    [
        (1, 3, "group dcs", "Take them out, or put three hosts into db."),
        (2, 0, "group db", "Put three hosts into it, or three small ones into the group dcs"),
        (4, 0, "group db", "Put one host more or less into it; or put three of them, or others, into the group dcs"),
        (2, 1, "group dcs", "Put three hosts into it, or five."),
        (3, 2, "group dcs", "Put three hosts into it, or five."),
        (3, 4, "group dcs", "Put three hosts into it, or five."),
    ],
)
def test_hosts_of_which_no_majority_decides_are_refused_with_the_remedy(
    databases: int, deciders: int, subject: str, remedy: str
) -> None:
    [complaint] = check_tiers(with_databases(databases, deciders))

    assert complaint.subject == subject and remedy in complaint.remedy


def with_databases(databases: int, deciders: int) -> dict[str, list[str]]:
    hosts = {"db": [f"db{number}" for number in range(databases)], "dcs": [f"dcs{number}" for number in range(deciders)]}
    return {"all": ["web1", *hosts["db"], *hosts["dcs"]], **SINGLE, **hosts}


def test_a_host_for_background_work_without_releases_is_refused() -> None:
    groups = {"all": ["a1", "w1", "w2"], "lb": ["a1"], "app": ["a1", "w2"], "db": ["a1"], "worker": ["w1", "w2"]}

    [complaint] = check_tiers(groups)

    assert complaint.subject == "host w1" and "site_app_drained" in complaint.remedy


def test_several_hosts_with_a_cache_are_refused() -> None:
    groups = {"all": ["web1", "cache1"], **SINGLE, "cache": ["web1", "cache1"]}

    assert ["Leave one host in it." in complaint.remedy for complaint in check_tiers(groups)] == [True]
