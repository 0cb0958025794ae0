"""What the status says of a cluster; of a mix of releases in test_fleet.py, where a killed deploy leaves one."""

from __future__ import annotations

import json
from typing import Any

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.operator import Run


def status(fleet: Fleet) -> tuple[Run, dict[str, Any]]:
    run = fleet.play("status", status_format="json")
    begin, end = run.output.find("{"), run.output.rfind("}")
    assert begin >= 0, f"no JSON came: {run}"
    found: dict[str, Any] = json.loads(run.output[begin : end + 1])
    return run, found


def test_each_balancer_tells_how_it_sees_each_application_host(whole: Fleet) -> None:
    run = whole.play("status").must_succeed()
    lines = [line.split() for line in run.output.splitlines()]
    assert ["SEEN", "BY", *(balancer.name for balancer in whole.lab.tier("lb"))] in lines, run
    for machine in whole.apps:
        views = [line for line in lines if line[:1] == [machine.name] and "UP," in line]
        assert views and views[0].count("UP,") == len(whole.lab.tier("lb")), run
    assert run.says("fleet is well."), run
    assert run.changed == 0


def test_programs_read_the_same(whole: Fleet) -> None:
    run, found = status(whole)
    assert run.code == 0 and found["healthy"], run
    for balancer in whole.lab.tier("lb"):
        views = found["hosts"][balancer.name]["balanced"]
        assert {name: view["status"] for name, view in views.items()} == {machine.name: "UP" for machine in whole.apps}
    # Of two years, a run gives a certificate the second one before it begins.
    assert all(365 <= host["internal_certificate_days"] <= 730 for host in found["hosts"].values()), found


def test_a_host_that_balancers_see_as_down_is_a_trouble(whole: Fleet) -> None:
    victim = whole.apps[1]
    victim.run(f"pkill --signal STOP --uid {whole.name} --full gunicorn")
    try:
        for balancer in whole.lab.tier("lb"):
            whole.await_view(balancer, victim.name, "DOWN", seconds=12)
        run, found = status(whole)
    finally:
        victim.run(f"pkill --signal CONT --uid {whole.name} --full gunicorn")
        for balancer in whole.lab.tier("lb"):
            whole.await_view(balancer, victim.name, "UP", seconds=20)
    assert run.code != 0 and not found["healthy"], run
    for balancer in whole.lab.tier("lb"):
        [problem] = found["hosts"][balancer.name]["problems"]
        assert victim.name in problem and "DOWN" in problem, problem


def test_a_host_that_the_inventory_drains_is_no_trouble(whole: Fleet) -> None:
    drained = whole.apps[1].name
    whole.write_inventory(said={drained: {"site_app_drained": True}})
    whole.play("site", "--limit", "lb", "--tags", "haproxy").must_succeed()
    run, found = status(whole)
    whole.write_inventory()
    whole.play("site", "--limit", "lb", "--tags", "haproxy").must_succeed()
    assert run.code == 0, run
    for balancer in whole.lab.tier("lb"):
        assert found["hosts"][balancer.name]["balanced"][drained]["status"].startswith("MAINT"), found
