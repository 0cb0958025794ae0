"""What a status reports to programs, and when it makes the run fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.task import Task
from ansible_collections.hotclub.django.plugins.action.report_status import ActionModule

from tests.unit.plugins.statuses import app, balancer, server

PLACED = {"lb": [{"name": "lb1", "address": "10.0.0.1"}], "app": [{"name": "app1", "address": "10.0.0.2"}]}


def report(statuses: dict[str, dict[str, Any]], path: Path, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report as the playbook does, and return the result and the JSON."""
    arguments = {"site": "shop", "step": "found", "path": str(path), **more}
    task = Task.load({"action": "hotclub.django.report_status", "args": arguments})
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


def test_the_page_is_written_where_there_is_trouble_too(tmp_path: Path) -> None:
    page = tmp_path / "shop.html"
    result, _told = report(
        {"lb1": balancer(server("app1")), "app1": {}}, tmp_path / "status.json", page=str(page), flows=[], placed=PLACED
    )

    assert result["failed"]
    assert "<title>shop is in trouble</title>" in page.read_text() and "unreachable over SSH" in page.read_text()


@pytest.mark.parametrize("name", ["path", "page"])
def test_a_file_that_can_not_be_written_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    file = tmp_path / "none" / "report"
    arguments: dict[str, Any] = {"page": str(file), "flows": [], "placed": PLACED} if name == "page" else {}

    with pytest.raises(
        AnsibleActionFail, match=f"can't be written to {file}.*No such file.*Name a file in a folder that is there"
    ):
        report({"lb1": balancer(server("app1"))}, file if name == "path" else tmp_path / "status.json", **arguments)
