"""The filter that turns the inventory into tiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.filter.app_servers import app_servers
from ansible_collections.hotclub.django.plugins.filter.topology import FilterModule, topology
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS


def test_hosts_keep_the_order_of_the_inventory() -> None:
    groups = {"all": ["b", "a"], "app": ["b", "a"], "db": ["a"]}

    tiers = topology(groups, {"a": {}, "b": {}})

    assert [host["name"] for host in tiers["app"]] == ["b", "a"]


def test_a_tier_without_a_group_is_empty() -> None:
    assert topology({"all": []}, {}) == {tier: [] for tier in TIERS}


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"private_address": "10.0.0.5", "ansible_host": "203.0.113.5"}, "10.0.0.5"),
        ({"ansible_host": "203.0.113.5"}, "203.0.113.5"),
        ({"private_address": "", "ansible_host": "203.0.113.5"}, "203.0.113.5"),
        ({}, "web1"),
    ],
)
def test_peers_use_the_most_private_address(variables: dict[str, Any], address: str) -> None:
    assert topology({"lb": ["web1"]}, {"web1": variables})["lb"] == [{"name": "web1", "address": address}]


def test_gathered_facts_are_not_read() -> None:
    facts = {"ansible_facts": {"default_ipv4": {"address": "172.16.0.1"}}, "ansible_default_ipv4": {"address": "172.16.0.1"}}

    assert topology({"app": ["a"]}, {"a": facts})["app"][0]["address"] == "a"


def test_a_host_that_leaves_is_left_out() -> None:
    tiers = topology({"app": ["a", "b"]}, {"a": {}, "b": {}}, ["a"])

    assert [host["name"] for host in tiers["app"]] == ["b"]


def test_application_hosts_tell_how_they_share_the_requests() -> None:
    tiers = topology({"app": ["a", "b"]}, {"a": {"site_app_weight": 3, "site_app_drained": True}, "b": {}})

    assert [(host["weight"], host["backup"], host["drained"]) for host in tiers["app"]] == [(3, False, True), (1, False, False)]


@pytest.mark.parametrize(("method", "weight"), [("round_robin", 1), ("weighted", 5), ("least_conn", 5)])
def test_servers_are_named_with_their_ports_and_weights(method: str, weight: int) -> None:
    peers = topology({"app": ["a"]}, {"a": {"private_address": "fd00::5", "site_app_weight": 5}})["app"]

    assert app_servers(peers, 8123, method) == [
        {"name": "a", "address": "[fd00::5]:8123", "weight": weight, "backup": False, "drained": False}
    ]


def test_wrong_use_says_the_right_one() -> None:
    with pytest.raises(AnsibleFilterError, match=r"groups \| hotclub.django.topology\(hostvars\)"):
        topology(["app"], {})  # type: ignore[arg-type]


def test_addresses_are_worked_out_in_the_context_of_their_own_host(
    inventory_vars: Callable[[Path, dict[str, str]], dict[str, Any]], tmp_path: Path
) -> None:
    files = {"hosts.yml": "app: {hosts: {a: {number: 1}, b: {number: 2}}, vars: {private_address: '10.0.0.{{ number }}'}}"}
    variables = inventory_vars(tmp_path, files)

    tiers = topology(variables["groups"], variables["hostvars"])

    assert [host["address"] for host in tiers["app"]] == ["10.0.0.1", "10.0.0.2"]


def test_the_filter_has_its_name() -> None:
    assert FilterModule().filters()["topology"] is topology
