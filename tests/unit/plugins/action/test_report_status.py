"""What a status reports to programs, and when it makes the run fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from ansible.playbook.task import Task
from ansible_collections.hotclub.django.plugins.action.report_status import ActionModule

from tests.unit.plugins.statuses import app, balancer, server


def report(statuses: dict[str, dict[str, Any]], path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report as the playbook does, and return the result and the JSON."""
    task = Task.load({"action": "hotclub.django.report_status", "args": {"site": "shop", "step": "found", "path": str(path)}})
    action = ActionModule(task, MagicMock(), None, None, None, None)
    hostvars = {host: {"found": {"status": status} if status else {"unreachable": True}} for host, status in statuses.items()}
    result = action.run(task_vars={"hostvars": hostvars, "ansible_play_hosts_all": list(statuses)})
    return result, json.loads(path.read_text())


def test_a_mix_alone_makes_the_run_fail_and_is_in_the_json(tmp_path: Path) -> None:
    result, told = report({"app1": app("r2"), "app2": app("r1")}, tmp_path / "status.json")

    assert result["failed"] and not told["healthy"]
    assert "different releases" in told["problems"][0]


def test_programs_read_how_balancers_see_the_hosts(tmp_path: Path) -> None:
    result, told = report({"lb1": balancer(server("app1", sessions=2)), "app1": app("r1")}, tmp_path / "status.json")

    assert not result.get("failed") and told["healthy"] and told["problems"] == []
    assert told["hosts"]["lb1"]["balanced"]["app1"]["sessions"] == 2


def test_an_unreachable_host_is_a_trouble(tmp_path: Path) -> None:
    result, told = report({"app1": app("r1"), "app2": {}}, tmp_path / "status.json")

    assert result["failed"]
    assert told["hosts"]["app2"]["problems"] == ["the host can't be looked at: unreachable over SSH"]
