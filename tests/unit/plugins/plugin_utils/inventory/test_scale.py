"""Two hundred application hosts: checking their inventory and writing a balancer's files cost little more than for three."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader

from tests.unit.conftest import CHECKOUT, wiring

FEW, MANY = 3, 200
# Both are milliseconds; what the number of hosts adds is bounded, whatever the machine.
TIMES_AT_MOST = 4.0
TRIES = 3


def inventory(apps: int) -> dict[str, str]:
    """The files of an inventory."""
    variables = {
        "site_name": "shop",
        "site_domain": "shop.example.org",
        "site_source": "https://git.example.org/you/shop.git",
        "site_version": "main",
        "site_media_storage": "none",
    }
    tiers = {"lb": ["lb1", "lb2"], "app": [f"app{number}" for number in range(1, apps + 1)], "db": ["db1"]}
    children = {
        tier: {"hosts": {host: {"private_address": f"10.{place}.0.{number}"} for number, host in enumerate(hosts, 1)}}
        for place, (tier, hosts) in enumerate(tiers.items())
    }
    return {"hosts.yml": json.dumps({"all": {"vars": variables, "children": children}})}


def quickest(work: Callable[[], object]) -> float:
    """The least that a piece of work takes, which is what the machine's other work adds nothing to."""
    taken = []
    for _ in range(TRIES):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


@pytest.fixture
def sizes(tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """A small inventory and a large one, as tasks see them."""
    return [inventory_vars(tmp_path / str(apps), inventory(apps)) for apps in (FEW, MANY)]


def test_many_hosts_are_checked_about_as_quickly_as_a_few(sizes: list[dict[str, Any]]) -> None:
    def check(seen: dict[str, Any]) -> None:
        reader = InventoryReader(CHECKOUT, seen["loader"], seen["groups"], seen["hostvars"])
        assert check_inventory(reader.inventory(), reader.rules) == []

    few, many = (quickest(lambda seen=seen: check(seen)) for seen in sizes)  # type: ignore[misc]

    assert many < TIMES_AT_MOST * few, f"{many:.3f} s for {MANY} hosts, {few:.3f} s for {FEW}"


def test_the_wiring_looks_at_each_host_once_for_each_question(sizes: list[dict[str, Any]]) -> None:
    seen = sizes[1]
    looks = 0

    class Counting(dict[str, Any]):
        def __getitem__(self, host: str) -> Any:
            nonlocal looks
            looks += 1
            return seen["hostvars"][host]

    hostvars = Counting(dict.fromkeys(seen["groups"]["all"]))
    given = {"groups": seen["groups"], "hostvars": hostvars, "inventory_hostname": "lb1", "group_names": ["lb"]}
    servers = Templar(DataLoader(), variables() | given).template(trust_as_template("{{ haproxy_servers }}"))

    assert len(servers) == MANY and servers[-1]["name"] == f"app{MANY}"
    assert looks <= 2 * len(seen["groups"]["all"]), f"{looks} looks at {len(seen['groups']['all'])} hosts"


def test_ansible_reads_the_wiring_once() -> None:
    """As variables of a role. A play's vars_files it parses anew for each task and host."""
    folder = CHECKOUT / "roles" / "site" / "vars" / "main"
    assert len(list(folder.iterdir())) > 1 and not [path for path in folder.iterdir() if path.is_symlink()]
    plays = [(path.name, play) for path in CHECKOUT.glob("playbooks/*.yml") for play in yaml.safe_load(path.read_text())]
    assert len(plays) > len(list(CHECKOUT.glob("playbooks/*.yml")))
    assert [name for name, play in plays if any("/site/" in file for file in play.get("vars_files", []))] == []


def variables() -> dict[str, Any]:
    """The defaults of every role, the wiring above them, and what the inventory says for all hosts."""
    loader = DataLoader()
    known: dict[str, Any] = {}
    for path in sorted(CHECKOUT.glob("roles/*/defaults/main.yml")):
        known |= loader.load_from_file(str(path), trusted_as_template=True)
    return known | wiring() | {"site_name": "shop", "site_domain": "shop.example.org"}
