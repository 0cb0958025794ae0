"""What patch says of itself to whoever meets its lock."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"


def test_nobody_takes_a_host_over_that_is_upgraded_and_reboots() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "tasks" / "patch_host.yml").read_text(encoding="utf-8"))[0]["block"]
    locks = [task["hotclub.django.release_lock"] for task in tasks if "hotclub.django.release_lock" in task]
    known = yaml.safe_load((PLAYBOOKS / "vars" / "patch.yml").read_text(encoding="utf-8"))

    assert [lock["silent_seconds"] for lock in locks] == ["{{ patch_silent_seconds }}"]
    assert known["patch_silent_seconds"] > 2 * (known["patch_reboot_seconds"] + known["patch_drain_seconds"])


def database_hosts(**groups: list[str]) -> Any:
    known = yaml.safe_load((PLAYBOOKS / "vars" / "patch.yml").read_text(encoding="utf-8"))
    said = {name: trust_as_template(known[name]) for name in ("patch_database_hosts", "__patch_primaries")}
    return Templar(DataLoader(), variables={**said, "groups": groups}).template(said["patch_database_hosts"])


@pytest.mark.parametrize(
    ("leads", "order"), [([], ["db1", "db2", "db3"]), (["db1"], ["db2", "db3", "db1"]), (["db2"], ["db1", "db3", "db2"])]
)
def test_the_primary_of_a_cluster_is_the_last(leads: list[str], order: list[str]) -> None:
    assert database_hosts(db=sorted(order), patch_primary=leads) == order
    assert database_hosts(db=["db1"]) == ["db1"]


def test_a_database_that_somebody_else_runs_leaves_the_group_empty() -> None:
    assert database_hosts() == ["db"]
