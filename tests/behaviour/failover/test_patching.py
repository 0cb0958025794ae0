"""Packages are upgraded and members reboot, one at a time, while visitors use the site and others write to its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.behaviour.failover.conftest import Trio, writers_on
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.upgrades import WITHDRAW, booted, numbers_of, offer_again, outdated
from tests.load import constant_load, judge


@pytest.fixture
def offer(whole: Trio) -> Iterator[Callable[..., dict[str, str]]]:
    """Have a host find upgrades of packages that it has."""
    offered: list[Machine] = []

    def make(machine: Machine, *packages: str) -> dict[str, str]:
        offered.append(machine)
        return offer_again(machine, *packages)

    yield make
    for machine in offered:
        machine.hang_up()
        machine.run(WITHDRAW)


def timeline(site: Trio) -> int:
    [found] = {int(one["TL"]) for one in site.seen_by(site.members[0]).values()}
    return found


def test_members_are_patched_one_at_a_time_under_load(
    whole: Trio, offer: Callable[..., dict[str, str]], power: None, figure: Callable[[str], None]
) -> None:
    """The primary reboots; one of those that follow takes a new PostgreSQL, and new code of Patroni and etcd."""
    primary = whole.primary()
    copy = whole.others(primary)[0]
    server = copy.run("basename /etc/postgresql/*")
    packages = (f"postgresql-{server}", "patroni", "etcd-server")
    before = offer(copy, *packages)
    primary.run("touch /var/run/reboot-required")
    boots = {machine.name: booted(machine) for machine in whole.members}
    begun = timeline(whole)
    plan = whole.load(rate=20)
    with writers_on(whole) as writers:
        with constant_load(plan) as load:
            run = whole.play("patch").must_succeed()
        primary.hang_up()
        outcomes = load.finish()
        writers.stop()
        acknowledged = writers.acknowledged()
        lost = writers.lost(acknowledged)
    verdict = judge(outcomes, whole.stored_on_primary(plan))
    failed = f"{len(verdict.failed)} of {verdict.requests} requests failed"
    figure(f"patch of three members: {failed}, the slowest took {verdict.max_ms:.0f} ms")
    assert verdict.flawless, f"{verdict}\n{run!r}"
    assert len(acknowledged) > 1000 and not lost
    assert before.items().isdisjoint(numbers_of(copy, packages).items()), before
    assert outdated(copy, "etcd") == []
    assert not copy.succeeds("readlink /proc/$(head -1 /var/lib/postgresql/*/main/postmaster.pid)/exe | grep deleted")
    assert [name for name, moment in boots.items() if booted(whole.lab.machines[name]) != moment] == [primary.name]
    whole.await_whole()
    assert whole.primary().name != primary.name
    assert timeline(whole) == begun + 1, "the primary's place has changed hands more than once"
    assert whole.play("patch").must_succeed().changed == 0


def test_a_cluster_without_a_member_is_not_begun_with(whole: Trio) -> None:
    """Another one away would be one too many."""
    away = whole.others(whole.primary())[0]
    away.run("systemctl stop 'patroni@*'")
    try:
        run = whole.play("patch", site_health_timeout_seconds=2).must_fail()
    finally:
        away.run("systemctl start $(systemctl list-units --all --plain --no-legend 'patroni@*' | cut -d' ' -f1)")
    assert run.says(away.name, "PostgreSQL"), run
    assert run.changed == 0, run
