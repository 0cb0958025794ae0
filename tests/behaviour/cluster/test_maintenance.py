"""The page for visitors while the site is being worked on, on every balancer."""

from __future__ import annotations

import json

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.visitor import Visitor


def test_visitors_get_a_page_and_allowed_addresses_the_site(whole: Fleet) -> None:
    balancers = whole.lab.tier("lb")
    allowed = whole.apps[0]
    whole.write_inventory(site_maintenance_allowed_addresses=[allowed.address])
    whole.play("maintenance", maintenance="on").must_succeed()
    try:
        for balancer in balancers:
            answer = Visitor(balancer.address, whole.domain).get("/version")
            assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html"), answer
            assert int(answer.headers["Retry-After"]) > 0
            assert json.loads(ask_from(allowed, balancer, whole.domain))["version"] == "v1"
        assert whole.play("maintenance", maintenance="on").must_succeed().changed == 0
    finally:
        whole.play("maintenance", maintenance="off").must_succeed()
    for balancer in balancers:
        assert Visitor(balancer.address, whole.domain).get("/version").status == 200


def test_a_word_that_is_neither_on_nor_off_changes_nothing(whole: Fleet) -> None:
    run = whole.play("maintenance").must_fail()
    assert run.says("-e maintenance=on, or -e maintenance=off"), run
    assert whole.serves() == "v1"


def ask_from(machine: Machine, balancer: Machine, domain: str) -> str:
    """What a visitor at one of the hosts gets."""
    request = f"Request('http://{balancer.address}/version', headers={{'Host': '{domain}'}})"
    return machine.run(f'python3 -c "from urllib.request import *; print(urlopen({request}).read().decode())"')
