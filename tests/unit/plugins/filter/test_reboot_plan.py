"""The logic of upgrades and reboots: which host may reboot, and which programs an upgrade has replaced."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.reboot_plan import PERMISSIONS, FilterModule, reboot_plan
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, is_outdated

NOTHING = dict.fromkeys(PERMISSIONS.values(), False)


def tiers(lb: str = "lb1 lb2", app: str = "app1 app2", db: str = "db1") -> dict[str, list[str]]:
    return {tier: names.split() for tier, names in {"lb": lb, "app": app, "db": db}.items()}


@pytest.mark.parametrize(
    ("wanted", "needed", "expected"),
    [("when_needed", True, True), ("when_needed", False, False), ("always", False, True), ("never", True, False)],
)
def test_a_host_reboots_as_it_needs_and_as_the_operator_says(wanted: str, needed: bool, expected: bool) -> None:
    assert reboot_plan("app1", tiers(), wanted, needed, NOTHING)["reboot"] is expected


def test_a_reboot_that_was_forbidden_is_told() -> None:
    assert "app1 waits" in reboot_plan("app1", tiers(), "never", True, NOTHING)["waits"]
    assert reboot_plan("app1", tiers(), "never", False, NOTHING)["waits"] == ""


@pytest.mark.parametrize(
    ("host", "of", "permission"),
    [
        ("db1", tiers(), "patch_database_reboot"),
        ("app1", tiers(app="app1"), "patch_only_host_reboot"),
        ("lb1", tiers(lb="lb1"), "patch_only_host_reboot"),
        ("web1", tiers("web1", "web1", "web1"), "patch_database_reboot"),
    ],
)
def test_the_only_host_of_a_tier_waits_for_permission(host: str, of: dict[str, Any], permission: str) -> None:
    waiting = reboot_plan(host, of, "when_needed", True, NOTHING)

    assert not waiting["reboot"]
    assert f"-e {permission}=true" in waiting["waits"]
    assert reboot_plan(host, of, "when_needed", True, {**NOTHING, permission: True}) == {"reboot": True, "waits": ""}


def test_the_filter_is_known_by_name() -> None:
    assert FilterModule().filters() == {"reboot_plan": reboot_plan}


def test_a_server_whose_program_was_replaced_is_outdated(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    shutil.copy("/bin/sleep", program)
    cluster = Cluster("17", "main", 5432, lambda command: (0, ""), str(tmp_path))
    Path(cluster.data).mkdir(parents=True)
    assert not is_outdated(cluster), "a server that doesn't run"
    (tmp_path / "proc").symlink_to("/proc")
    with subprocess.Popen([program, "60"]) as server:
        (Path(cluster.data) / "postmaster.pid").write_text(f"{server.pid}\n")
        try:
            assert not is_outdated(cluster)
            shutil.copy("/bin/sleep", tmp_path / "upgraded")
            (tmp_path / "upgraded").replace(program)
            assert is_outdated(cluster)
        finally:
            server.kill()
