"""What the status of a site says: tables, how balancers see the application hosts, and what counts as trouble."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.playbook.task import Task
from ansible_collections.hotclub.django.plugins.action.report_status import ActionModule
from ansible_collections.hotclub.django.plugins.filter.status_table import status_table
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import Server, troubles
from ansible_collections.hotclub.django.plugins.module_utils.steps.site_status import look_at_internal_certificates
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.status import fleet_problems


def server(name: str, status: str = "UP", **more: Any) -> Server:
    facts = {"weight": 1, "sessions": 0, "requests": 0, "errors": 0, "check": "L7OK", "seconds": 12}
    return Server(name=name, status=status, **{**facts, **more})


def balancer(*servers: Server, **more: Any) -> dict[str, Any]:
    return {"tiers": ["lb"], "http": 200, "http_ms": 3, "balanced": {each.name: each.facts() for each in servers}, **more}


def app(release: str) -> dict[str, Any]:
    return {"tiers": ["app"], "release": release, "app": "running"}


def test_the_status_names_what_is_wrong_and_leaves_empty_columns_out() -> None:
    table = status_table({"web1": {"tiers": ["app"], "release": "r1"}, "web2": {"problems": ["unreachable"]}}, "shop")

    assert "web1  app    r1" in table
    assert "DATABASE" not in table
    assert "shop is in trouble:\n  web2: unreachable" in table
    assert status_table({"web1": {"tiers": ["lb"]}}, "shop").endswith("shop is well.")


def test_one_server_has_one_table() -> None:
    assert "SEEN BY" not in status_table({"web1": {"tiers": ["lb", "app", "db"], "release": "r1"}}, "shop")


def test_certificates_between_hosts_have_a_column_where_there_are_any() -> None:
    status = {"tiers": ["db"], "internal_certificate_days": 700}

    assert "INTERNAL TLS" in status_table({"db1": status}, "shop")
    assert "700 days" in status_table({"db1": status}, "shop")
    assert "INTERNAL TLS" not in status_table({"db1": {"tiers": ["db"]}}, "shop")


@pytest.fixture
def chain(tmp_path: Path) -> Callable[[str, int], str]:
    """Return a function that makes a certificate which ends in some days, in a folder of that name, and returns its file."""

    def make(name: str, days: int) -> str:
        folder = tmp_path / name
        folder.mkdir()
        made = ["-days", str(days), "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        subprocess.run([*command, *made], check=True, capture_output=True)
        return str(folder / "fullchain.pem")

    return make


def test_the_first_certificate_to_end_is_told_and_named_when_it_is_near(tmp_path: Path, chain: Callable[[str, int], str]) -> None:
    near, _ = chain("certificate", 3), chain("certificate-2", 100)
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([f"{tmp_path}/certificate*", f"{tmp_path}/nothing"], 14, status)

    assert status["internal_certificate_days"] in (2, 3)
    [problem] = status["problems"]
    assert problem.startswith(f"{near}, shown to other hosts, ends in ") and "playbooks/site.yml" in problem


def test_certificates_that_are_good_for_long_are_no_trouble(tmp_path: Path, chain: Callable[[str, int], str]) -> None:
    chain("certificate", 100)
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([f"{tmp_path}/certificate"], 14, status)
    none: dict[str, Any] = {"problems": []}
    look_at_internal_certificates([], 14, none)

    assert status["problems"] == []
    assert "internal_certificate_days" not in none


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_bytes(b"nothing \xff")
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([str(tmp_path)], 14, status)

    assert f"{tmp_path}/fullchain.pem can't be read" in status["problems"][0]


def test_each_balancer_tells_how_it_sees_each_host() -> None:
    statuses = {
        "lb1": balancer(server("app1", sessions=3), server("app2", "DOWN", weight=5)),
        "lb2": balancer(server("app1"), server("app3", "MAINT")),
    }

    lines = status_table(statuses, "shop").splitlines()

    assert lines[lines.index("") + 1 :][:4] == [
        "SEEN BY  lb1                     lb2",
        "app1     UP, weight 1, 3 open    UP, weight 1, 0 open",
        "app2     DOWN, weight 5, 0 open  -",
        "app3     -                       MAINT, weight 1, 0 open",
    ]


def test_a_balancer_that_cannot_be_asked_leaves_no_table() -> None:
    table = status_table({"lb1": {"tiers": ["lb"], "problems": ["HAProxy does not answer"]}}, "shop")

    assert "SEEN BY" not in table and "lb1: HAProxy does not answer" in table


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (server("app1", "DOWN", check="L4TOUT timeout"), ["app1", "DOWN for 12 s", "L4TOUT timeout", "journalctl -u 'shop@*'"]),
        (server("app1", "DOWN 1/2"), ["app1", "DOWN"]),
        (server("app1", "MAINT"), ["app1", "MAINT", "systemctl reload haproxy"]),
        (server("app1", "DRAIN"), ["app1", "DRAIN"]),
        (server("other"), ["doesn't know app1", "playbooks/site.yml"]),
    ],
)
def test_a_host_that_should_take_requests_and_does_not_is_a_trouble(found: Server, words: list[str]) -> None:
    [trouble] = troubles([found], ["app1"], "shop")

    for word in words:
        assert word in trouble


@pytest.mark.parametrize("status", ["UP", "UP 1/3", "no check"])
def test_a_host_that_takes_requests_is_no_trouble(status: str) -> None:
    assert troubles([server("app1", status)], ["app1"], "shop") == []


def test_a_host_that_the_inventory_drains_is_no_trouble() -> None:
    assert troubles([server("app1"), server("app2", "MAINT"), server("app3", "DOWN")], ["app1"], "shop") == []


def test_a_mix_is_told_with_its_hosts_and_with_what_ends_it() -> None:
    [problem] = fleet_problems({"app1": app("r2"), "app2": app("r1"), "app3": app("r1"), "lb1": balancer()})

    assert "r1 on app2, app3; r2 on app1" in problem
    assert "playbooks/site.yml, which brings all to r1," in problem and "playbooks/deploy.yml" in problem


def test_of_an_even_mix_the_older_release_is_named() -> None:
    [problem] = fleet_problems({"app1": app("r2"), "app2": app("r1")})

    assert "brings all to r1" in problem


def test_one_release_and_hosts_without_any_are_no_mix() -> None:
    assert fleet_problems({"app1": app("r1"), "app2": app("r1"), "app3": app(""), "db1": {"tiers": ["db"]}}) == []


def test_a_large_mix_stays_short() -> None:
    [problem] = fleet_problems({"app0": app("r2")} | {f"app{number}": app("r1") for number in range(1, 201)})

    assert "app8 and 192 more" in problem and "app9" not in problem


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
