"""Balancers that fail: the virtual address moves to another one, and stays there when the first returns."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import hosts
from tests.behaviour.cluster.conftest import RETURN_SECONDS, TAKEOVER_SECONDS_AT_MOST, Fault, Fleet, Shared
from tests.behaviour.kit.confinement import assert_confined
from tests.behaviour.kit.lab import ROOT, TOOLS, Machine
from tests.behaviour.kit.operator import environment
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.reach import reached
from tests.behaviour.kit.sites import PLAIN
from tests.load import constant_load, judge, outage

Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def shared(fleet: Fleet) -> Iterator[Shared]:
    """The fleet with an address that its balancers pass on among them."""
    address = hosts.spare_address()
    fleet.variables["site_virtual_addresses"] = [address]
    fleet.write_inventory()
    try:
        fleet.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed()
        yield Shared(fleet, address.partition("/")[0])
    finally:
        del fleet.variables["site_virtual_addresses"]
        fleet.write_inventory()
        for machine in fleet.lab.tier("lb"):
            machine.run("systemctl disable --now keepalived || true; rm -f /etc/keepalived/sites/*")


@pytest.fixture
def ready(shared: Shared) -> Shared:
    """The address on one balancer, and the other one ready to take it."""
    deadline = time.monotonic() + at_pace(RETURN_SECONDS)
    while len(holders := shared.holders()) != 1:
        assert time.monotonic() < deadline, f"{shared.address} is on {[machine.name for machine in holders]}"
        time.sleep(0.3)
    shared.await_standby(shared.other(shared.holder))
    return shared


def test_the_address_answers_from_outside_and_a_second_run_changes_nothing(ready: Shared) -> None:
    assert ready.visitor.get("/version").status == 200
    assert ready.site.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed().changed == 0


def test_a_reload_of_nginx_moves_nothing(ready: Shared, figure: Figure) -> None:
    holder = ready.holder
    with constant_load(ready.probes()) as load:
        holder.run("systemctl reload nginx")
        time.sleep(3)
    verdict = judge(load.finish())
    figure(f"reload of nginx on the balancer with the virtual address: {len(verdict.failed)} of {verdict.requests} probes failed")
    assert verdict.failed == [], str(verdict)
    assert ready.holder == holder


def hand_over(shared: Shared, holder: Machine) -> None:
    """Do what `patch` and `decommission` do before a balancer is worked on or goes."""
    module = ["-m", "hotclub.django.address_handover", "-a", json.dumps({"addresses": [f"{shared.address}/32"]})]
    inventory = f"--inventory={shared.site.folder / 'hosts.yml'}"
    command = [str(TOOLS / "ansible"), inventory, holder.name, *module]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "changed: true" in ran.stdout, ran.stdout + ran.stderr


def test_an_address_that_is_handed_over_takes_no_request_along(ready: Shared, figure: Figure) -> None:
    moves = 4
    plan = ready.load(rate=60)
    with constant_load(plan) as load:
        for _ in range(moves):
            holder = ready.holder
            hand_over(ready, holder)
            holder.run("systemctl start keepalived")
            ready.await_standby(holder)
            assert ready.holder == ready.other(holder)
    verdict = judge(load.finish(), ready.site.stored(plan))
    lost = f"{len(verdict.failed)} of {verdict.requests} requests failed"
    figure(f"{moves} moves of the virtual address by plan: {lost}, the slowest took {verdict.max_ms:.0f} ms")
    assert verdict.flawless, str(verdict)
    assert verdict.max_ms < at_pace(TAKEOVER_SECONDS_AT_MOST + 1) * 1000, str(verdict)


@pytest.fixture
def listening_again(fleet: Fleet) -> Iterator[None]:
    """In the end, nginx listens for the families that its hosts have by then."""
    yield
    fleet.play("site", "--limit", "lb", "--tags", "nginx").must_succeed()


@pytest.mark.long_on_slow
@pytest.mark.about("keepalived", "address_handover")
def test_an_address_of_the_other_family_goes_along(
    ready: Shared, listening_again: None, second_family: Callable[[Machine], str]
) -> None:
    """The balancers speak to one another by IPv4; visitors come by IPv6 as well."""
    site, holder = ready.site, ready.holder
    visitor, network = site.apps[0], second_family(holder).rpartition(":")[0]
    address = f"{network}:100"
    own = list(site.variables["site_virtual_addresses"])
    run = ("site", "--limit", "lb", "--tags", "keepalived,nginx")
    site.variables["site_virtual_addresses"] = [*own, f"{address}/64"]
    site.write_inventory()
    site.play(*run).must_succeed()
    assert site.play(*run).must_succeed().changed == 0
    assert ready.holders() == [holder]
    assert reached(visitor, address, 443)
    # Firewalls elsewhere know the balancer by its own address, so what it sends comes from there.
    assert f" src {second_family(holder)} " in holder.run(f"ip route get {second_family(visitor)}")
    holder.run("systemctl restart keepalived")
    ready.await_standby(holder)
    assert dataclasses.replace(ready, address=address).holders() == ready.holders() == [ready.other(holder)]
    assert reached(visitor, address, 443)

    site.variables["site_virtual_addresses"] = own
    site.write_inventory()
    site.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed()
    assert not reached(visitor, address, 443)
    assert ready.holders() == [ready.other(holder)]


def test_a_request_under_way_has_its_answer_before_the_address_leaves(ready: Shared) -> None:
    site, holder = ready.site, ready.holder
    wait = f"BEGIN; LOCK TABLE {site.project.entries_table}; SELECT pg_sleep(2.2); COMMIT"
    site.lab.db.run(f"cd / && systemd-run --quiet --collect --uid postgres psql -X -d {site.name} -c '{wait}'")
    locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND pid <> pg_backend_pid()"
    while site.database.value(locked) == "0":
        time.sleep(0.05)
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ready.visitor.get, "/")
        time.sleep(0.3)
        hand_over(ready, holder)
        holder.run("systemctl start keepalived")
        assert asked.result().status == 200
    assert time.monotonic() - began > 1, "the request was not under way when the address left"
    ready.await_standby(holder)
    assert ready.holder == ready.other(holder)


def test_another_balancer_takes_over_when_nginx_dies(ready: Shared, figure: Figure) -> None:
    holder = ready.holder
    with constant_load(ready.probes()) as load:
        begin = time.monotonic()
        holder.run("pkill --signal KILL --exact nginx")
        ready.await_answer(load, begin + at_pace(TAKEOVER_SECONDS_AT_MOST))
        ready.await_standby(holder)
    outcomes = load.finish()
    figure(f"kill -9 of nginx on the balancer with the virtual address: {outage(outcomes):.2f} s without an answer")
    assert outage(outcomes) < at_pace(TAKEOVER_SECONDS_AT_MOST), str(judge(outcomes))
    assert ready.holder == ready.other(holder), "the address went back, which costs connections a second time"


@pytest.mark.long_on_slow
@pytest.mark.about("keepalived", "address_handover")
def test_another_balancer_takes_over_when_the_host_dies_and_keeps_the_address(
    ready: Shared, docker: Fault, figure: Figure
) -> None:
    holder = ready.holder
    with constant_load(ready.probes()) as load:
        begin = time.monotonic()
        docker("kill", holder)
        ready.await_answer(load, begin + at_pace(TAKEOVER_SECONDS_AT_MOST))
        returned = time.monotonic()
        docker("start", holder)
        ready.await_standby(holder)
        # Whoever wants the address back would take it now.
        time.sleep(3)
    outcomes = load.finish()
    before = [outcome for outcome in outcomes if outcome.scheduled < returned]
    figure(f"docker kill of the balancer with the virtual address: {outage(before):.2f} s without an answer")
    assert outage(before) < at_pace(TAKEOVER_SECONDS_AT_MOST), str(judge(before))
    after = judge([outcome for outcome in outcomes if outcome.scheduled >= returned])
    assert after.failed == [], f"while the host returned: {after}"
    assert ready.holders() == [ready.other(holder)], ready.story()
    # Not even for the moment until the other one answers.
    since = "_SYSTEMD_INVOCATION_ID=$(systemctl show --property InvocationID --value keepalived)"
    said = holder.run(f"journalctl --output cat {since}")
    assert "Entering BACKUP" in said and "Entering MASTER" not in said, ready.story()
    assert ready.site.visitor_at(holder.address).get("/version").status == 200


def second_site(shared: Shared, **variables: object) -> Fleet:
    """Another site for the same balancers, with an address of its own."""
    return Fleet(
        shared.site.lab,
        PLAIN,
        shared.site.folder.parent / "second",
        site_name="second",
        site_domain="second.example",
        site_aliases=[],
        site_media_storage="none",
        site_virtual_addresses=[hosts.spare_address(1)],
        # The other one's is enough for what is tested.
        site_firewall_enabled=False,
        **variables,
    )


# The other hosts are left out of these runs, so that nothing tells whether the second site exists on them.
SECOND_SITE_ON_BALANCERS = ("site", "--limit", "lb", "--tags", "keepalived", "-e", "secrets_new=true")


def test_a_second_site_has_an_address_of_its_own_on_the_same_balancers(ready: Shared) -> None:
    holder, second = ready.holder, second_site(ready)
    with constant_load(ready.probes()) as load:
        second.play(*SECOND_SITE_ON_BALANCERS).must_succeed()
        time.sleep(3)
    assert (verdict := judge(load.finish())).failed == [], str(verdict)
    address = hosts.spare_address(1).partition("/")[0]
    assert len(Shared(second, address).holders()) == 1
    assert ready.holder == holder


def test_two_sites_with_one_router_id_are_refused(ready: Shared) -> None:
    number = ready.holder.run("sed -n 's/.*virtual_router_id //p' /etc/keepalived/sites/fleet.conf")
    second = second_site(ready, keepalived_router_id=int(number))
    run = second.play(*SECOND_SITE_ON_BALANCERS).must_fail()
    assert run.says("VRID", "set keepalived_router_id to a free one"), run
    assert ready.visitor.get("/version").status == 200


def test_keepalived_is_confined(ready: Shared) -> None:
    for balancer in ready.site.lab.tier("lb"):
        assert_confined(balancer, "keepalived.service")


def test_an_address_that_the_inventory_no_longer_has_is_given_up(ready: Shared) -> None:
    ready.site.write_inventory(site_virtual_addresses=[])
    ready.site.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed()
    assert ready.holders() == []
    assert ready.site.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed().changed == 0
