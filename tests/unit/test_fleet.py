"""The logic of several hosts: batches, the release of the fleet, what balancers count, what no fleet can do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.filter.batches import batches
from ansible_collections.hotclub.django.plugins.filter.fleet_release import fleet_release
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import answered_since, servers
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.network import check_networks
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.settings import check_batch
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.web import check_hash_key
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Rules, Setting

TEN = [f"app{number}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, "100%"], [1, 9]),
        ([1, "25%"], [1, 3, 3, 3]),
        (4, [4, 4, 2]),
        ("50%", [5, 5]),
        (["1", 2], [1, 2, 2, 2, 2, 1]),
    ],
)
def test_hosts_are_divided_as_asked_and_none_is_left_out(sizes: Any, expected: list[int]) -> None:
    divided = batches(TEN, sizes)

    assert [len(batch) for batch in divided] == expected
    assert [host for batch in divided for host in batch] == TEN


def test_a_batch_has_one_host_at_least() -> None:
    assert batches(["a", "b"], "10%") == [["a"], ["b"]]


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="site_deploy_batch has 'half'"):
        batches(TEN, ["half"])


def host(release: str, *built: str, before: str = "") -> dict[str, Any]:
    known = {name: {"version": f"version of {name}", "commit": f"commit of {name}"} for name in (release, before) if name}
    return {"release": release, "before": before, "built": sorted({release, *built} - {""}), "known": known}


def test_the_fleet_runs_what_most_hosts_run() -> None:
    fleet = fleet_release({"a": host("r1"), "b": host("r2", "r1"), "c": host("r2", "r1")})

    assert (fleet["id"], fleet["commit"], fleet["hosts"]) == ("r2", "commit of r2", ["b", "c"])


def test_of_two_equally_common_releases_the_older_one_counts() -> None:
    assert fleet_release({"a": host("r2", "r1"), "b": host("r1", "r2")})["id"] == "r1"


def test_a_host_without_a_release_has_no_say() -> None:
    assert fleet_release({"a": host(""), "b": host("")})["id"] == ""
    assert fleet_release({"a": host(""), "b": host("r1")})["id"] == "r1"


def test_hosts_outside_of_the_run_are_asked_and_unreachable_ones_left_out() -> None:
    elsewhere = [{"item": "b", "unreachable": True, "msg": "no route"}, {"item": "c", **host("r7")}]

    assert fleet_release({"a": host("")}, elsewhere)["hosts"] == ["c"]


def test_the_way_back_is_the_fleets() -> None:
    assert fleet_release({"new": host("r3"), "a": host("r3", before="r2")}, which="before")["id"] == "r2"


STAT = """# pxname,svname,scur,weight,status,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,check_status,last_chk,lastchg
shop,FRONTEND,0,,OPEN,0,9,0,0,0,,,
shop,app1,2,3,UP,0,{good},0,1,{bad},L7OK,,12
shop,app2,0,1,DOWN,,,,,,L4TOUT,timeout,4
other,app1,0,1,UP,0,5,0,0,0,L7OK,,12
shop,BACKEND,0,4,UP,0,9,0,0,0,,,
"""


def test_a_balancer_tells_of_each_server_of_the_site() -> None:
    first, second = servers(STAT.format(good=10, bad=1), "shop")

    assert (first.name, first.status, first.sessions, first.weight, first.requests, first.errors) == ("app1", "UP", 2, 3, 12, 1)
    assert (second.name, second.status, second.check, second.requests) == ("app2", "DOWN", "L4TOUT timeout", 0)


def test_answers_are_counted_between_two_looks() -> None:
    before, after = servers(STAT.format(good=10, bad=1), "shop"), servers(STAT.format(good=25, bad=6), "shop")

    assert answered_since(before, after, ["app1"]) == (20, 5)
    assert answered_since(before, after, ["app2"]) == (0, 0)


def complaints(apps: list[str], **said: Any) -> str:
    hosts = ["lb1", *apps, "db1"]
    groups = {"all": hosts, "lb": ["lb1"], "app": apps, "db": ["db1"]}
    settings = [
        Setting(name, variable, value)
        for variable, value in said.items()
        for name in (apps if variable.startswith("site_app_") else hosts)
    ]
    return "\n".join(check_inventory(Inventory(groups, settings), Rules({}, ())))


def test_local_media_on_several_hosts_are_refused_with_both_remedies() -> None:
    found = complaints(["app1", "app2"])

    assert "site_media_storage" in found and "Set it to s3" in found and "or to shared" in found


@pytest.mark.parametrize("storage", ["s3", "shared", "none"])
def test_media_that_all_hosts_reach_are_fine(storage: str) -> None:
    assert "each keep the files" not in complaints(["app1", "app2"], site_media_storage=storage)


def test_draining_everybody_is_refused() -> None:
    assert "so that nobody answers" in complaints(["app1"], site_app_drained=True)


def test_a_hash_of_nothing_is_refused() -> None:
    assert "nothing says of what" in complaints(["app1"], site_balance_method="hash")


def test_the_share_of_a_host_that_takes_no_requests_is_refused() -> None:
    groups = {"all": ["web1", "db1"], "lb": ["web1"], "app": ["web1"], "db": ["db1"]}
    found = check_inventory(Inventory(groups, [Setting("db1", "site_app_weight", 2)]), Rules({}, ()))

    assert any("application hosts alone" in line for line in found)


@pytest.mark.parametrize(("rule", "wrong"), [(check_batch, ["0"]), (check_batch, ["120%"]), (check_batch, [])])
def test_batches_that_are_none_are_refused(rule: Any, wrong: Any) -> None:
    assert list(rule(wrong))


def test_good_values_pass() -> None:
    assert not [
        *check_batch([1, "25%"]),
        *check_hash_key("header:X-Tenant"),
        *check_hash_key(""),
        *check_networks(["10.0.0.0/8"]),
    ]
    assert list(check_hash_key("X-Tenant")) and list(check_networks(["office"]))
