"""Each method of sharing requests does what its name says; docs/balancing.md says which one is for whom."""

from __future__ import annotations

import concurrent.futures
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.confinement import assert_confined
from tests.behaviour.kit.lab import Machine

VISITORS = 24
REQUESTS_OF_EACH = 3
AT_ONCE = 6
Choose = Callable[..., None]


@pytest.fixture(scope="module")
def choose(fleet: Fleet) -> Iterator[Choose]:
    """Have one balancer share by another method."""

    def by(method: str, said: dict[str, dict[str, Any]] | None = None, **more: Any) -> None:
        fleet.write_inventory(said=said, site_balance_method=method, **more)
        fleet.play("site", "--limit", fleet.lab.lb.name, "--tags", "haproxy").must_succeed()

    yield by
    fleet.write_inventory()
    fleet.play("site", "--limit", fleet.lab.lb.name, "--tags", "haproxy").must_succeed()


def shares(fleet: Fleet, ask: Callable[[], object]) -> dict[str, int]:
    """How many requests each application host gets while visitors ask."""
    before = counts(fleet)
    ask()
    return {name: count - before[name] for name, count in counts(fleet).items()}


def counts(fleet: Fleet) -> dict[str, int]:
    return {name: int(view["stot"]) for name, view in fleet.views(fleet.lab.lb).items()}


def ask_often(fleet: Fleet, count: int) -> None:
    """Ask one after another; every answer must be good."""
    assert Counter(fleet.visitor.get("/version").status for _ in range(count)) == {200: count}


def ask_as_many(balancer: Machine, domain: str, header: str) -> None:
    """Ask HAProxy itself as many visitors, told apart by a header, in turns."""
    script = (
        "import http.client, socket\n"
        f"for number in range({VISITORS * REQUESTS_OF_EACH}):\n"
        "    connection = http.client.HTTPConnection('localhost', timeout=10)\n"
        "    connection.sock = socket.socket(socket.AF_UNIX)\n"
        "    connection.sock.connect('/run/haproxy-sites/fleet.sock')\n"
        f"    named = {{'Host': '{domain}', '{header}': f'198.51.100.{{number % {VISITORS} + 1}}'}}\n"
        "    connection.request('GET', '/version', headers=named)\n"
        "    assert connection.getresponse().status == 200\n"
    )
    balancer.run(f"python3 - <<'END'\n{script}END")


def test_in_turn_minds_no_weight(fleet: Fleet, choose: Choose) -> None:
    choose("round_robin", {"app1": {"site_app_weight": 3}})
    got = shares(fleet, lambda: ask_often(fleet, 30))
    assert sorted(got.values()) == [10, 10, 10], got


def test_weights_are_kept(fleet: Fleet, choose: Choose) -> None:
    choose("weighted", {"app1": {"site_app_weight": 3}})
    got = shares(fleet, lambda: ask_often(fleet, 60))
    assert all(abs(got[name] - share) <= 1 for name, share in {"app1": 36, "app2": 12, "app3": 12}.items()), got


def test_a_visitor_stays_with_one_host(fleet: Fleet, choose: Choose) -> None:
    choose("ip_hash")
    own = shares(fleet, lambda: ask_often(fleet, 12))
    assert sorted(own.values()) == [0, 0, 12], own
    got = shares(fleet, lambda: ask_as_many(fleet.lab.lb, fleet.domain, "X-Real-IP"))
    assert all(count % REQUESTS_OF_EACH == 0 for count in got.values()), f"a visitor changed hosts: {got}"
    assert min(got.values()) > 0, f"a host has no visitor at all: {got}"


def test_what_a_header_says_decides_which_host(fleet: Fleet, choose: Choose) -> None:
    choose("hash", site_balance_hash_key="header:X-Tenant")
    got = shares(fleet, lambda: ask_as_many(fleet.lab.lb, fleet.domain, "X-Tenant"))
    assert all(count % REQUESTS_OF_EACH == 0 for count in got.values()), f"a tenant changed hosts: {got}"
    assert min(got.values()) > 0, f"a host has no tenant at all: {got}"


@pytest.mark.parametrize("method", ["random", "random_two", "least_conn"])
def test_every_host_gets_its_part_of_requests_at_once(fleet: Fleet, choose: Choose, method: str) -> None:
    choose(method)

    def ask() -> None:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda _: fleet.visitor.get("/version").status, range(90)))
        assert Counter(answers) == {200: 90}

    got = shares(fleet, ask)
    # A third is 30; ten would be a chance of one in a million at random.
    assert min(got.values()) >= 10 and sum(got.values()) == 90, json.dumps(got)


@pytest.mark.parametrize("unit", ["nginx.service", "haproxy.service"])
def test_the_balancer_s_services_are_confined(fleet: Fleet, unit: str) -> None:
    for balancer in fleet.lab.tier("lb"):
        assert_confined(balancer, unit)
