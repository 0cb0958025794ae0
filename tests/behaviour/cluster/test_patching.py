"""Packages are upgraded and hosts reboot, one at a time, while visitors use the site."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.behaviour.cluster.conftest import Fleet, Shared
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.upgrades import OFFER, WITHDRAW, booted, number, numbers_of, offer_again, outdated
from tests.load import constant_load, judge


@pytest.fixture
def offer(whole: Fleet) -> Iterator[Callable[[Machine], None]]:
    """Have a host find an upgrade for one of its packages, for as long as the test runs."""
    offered: list[Machine] = []

    def make(machine: Machine) -> None:
        offered.append(machine)
        machine.run(OFFER)

    yield make
    for machine in offered:
        machine.hang_up()
        machine.run(WITHDRAW)


def version(machine: Machine) -> str:
    return number(machine, "hotclub-offer")


@pytest.mark.long_on_slow
@pytest.mark.about("patch", "packages")
def test_hosts_are_patched_one_at_a_time_under_load(
    whole: Fleet, held_by_second: Shared, offer: Callable[[Machine], None], power: None
) -> None:
    """An application host and the balancer with the virtual address reboot; the other balancer takes new packages of nginx and
    HAProxy, and the database host a new PostgreSQL, while they serve."""
    app, database = whole.apps[1], whole.lab.db
    serving, balancer = whole.lab.tier("lb")
    for machine in (app, database, serving):
        offer(machine)
    server = database.run("basename /etc/postgresql/*")
    numbers = [offer_again(serving, "haproxy", "nginx"), offer_again(database, f"postgresql-{server}")]
    for machine in (app, balancer, database):
        machine.run("touch /var/run/reboot-required")
    before = {machine.name: booted(machine) for machine in (app, balancer, database)}
    plans = (whole.load(rate=20), held_by_second.load(rate=10))
    with constant_load(plans[0]) as direct, constant_load(plans[1]) as by_address:
        run = whole.play("patch").must_succeed()
    for machine in (app, balancer):
        machine.hang_up()
    for load, plan in zip((direct, by_address), plans, strict=True):
        verdict = judge(load.finish(), whole.stored(plan))
        assert verdict.flawless, f"{plan.url}: {verdict}\n{run!r}"
    assert held_by_second.holders() == [serving], held_by_second.story()
    for machine, old in zip((serving, database), numbers, strict=True):
        assert old.items().isdisjoint(numbers_of(machine, old).items()), f"{old} of {machine.name} were to be upgraded"
    assert {machine.name for machine in (app, balancer, database) if booted(machine) != before[machine.name]} == {
        app.name,
        balancer.name,
    }
    assert version(app) == version(database) == "2.0"
    assert outdated(serving, "haproxy", "nginx") == []
    assert not database.succeeds("readlink /proc/$(head -1 /var/lib/postgresql/*/main/postmaster.pid)/exe | grep deleted")
    assert run.says(f"{app.name}: packages upgraded, rebooted"), run
    assert run.says(f"{database.name} waits for a reboot", "-e patch_database_reboot=true"), run
    for machine in whole.lab.tier("lb"):
        for host in whole.apps:
            whole.await_view(machine, host.name, "UP", seconds=5)
    assert whole.play("patch").must_succeed().changed == 0


def test_requests_wait_while_the_database_host_reboots(whole: Fleet, power: None, figure: Callable[[str], None]) -> None:
    database = whole.lab.db
    database.run("touch /var/run/reboot-required")
    before = booted(database)
    plan = whole.load(rate=10)
    with constant_load(plan) as load:
        run = whole.play("patch", patch_database_reboot=True).must_succeed()
    database.hang_up()
    verdict = judge(load.finish(), whole.stored(plan))
    figure(f"reboot of the database host: {len(verdict.failed)} requests failed, the slowest answer took {verdict.max_ms:.0f} ms")
    assert booted(database) != before
    assert verdict.flawless, f"{verdict}\n{run!r}"


@pytest.mark.long_on_slow
@pytest.mark.about("patch", "packages")
def test_a_host_that_fails_stays_out_and_nobody_else_is_touched(whole: Fleet, offer: Callable[[Machine], None]) -> None:
    sick, other, _ = whole.apps
    for machine in (sick, other):
        offer(machine)
    drop_in = f"/etc/systemd/system/{whole.name}@.service.d"
    sick.run(f"mkdir -p {drop_in}; printf '[Service]\\nExecStartPre=/bin/false\\n' > {drop_in}/x.conf; systemctl daemon-reload")
    plan = whole.load(rate=20)
    try:
        with constant_load(plan) as load:
            run = whole.play("patch").must_fail()
    finally:
        sick.run(f"rm -r {drop_in}; systemctl daemon-reload")
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, f"{verdict}\n{run!r}"
    assert run.says(f"{sick.name} was not patched", "run playbooks/patch.yml again"), run
    assert version(other) == "1.0"
    for machine in whole.lab.tier("lb"):
        assert not whole.views(machine)[sick.name]["status"].startswith("UP")
    whole.play("site").must_succeed()
    for machine in whole.lab.tier("lb"):
        whole.await_view(machine, sick.name, "UP", seconds=10)


def test_a_word_that_says_nothing_about_reboots_is_refused(whole: Fleet) -> None:
    run = whole.play("patch", patch_reboot="sometimes").must_fail()
    assert run.says('patch_reboot is "sometimes"', "when_needed, always or never"), run
    assert run.changed == 0, run
