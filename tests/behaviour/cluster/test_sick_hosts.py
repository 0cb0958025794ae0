"""Application hosts that fail while visitors come: no safe request is lost, and none that changes something is sent twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.behaviour.cluster.conftest import Fault, Fleet
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.load import constant_load, judge

# Two questions of 3 s without an answer, half a second between them, and up to one until the first.
GONE_SECONDS_AT_MOST = 10.0
BUSY_SECONDS = 4.5
CHANGES = 6
LONG = (pytest.mark.long_on_slow, pytest.mark.about("haproxy"))


@pytest.mark.parametrize("what", ["kill", pytest.param("pause", marks=LONG), pytest.param("cut", marks=LONG)])
def test_a_host_that_dies_hangs_or_is_cut_off_costs_no_safe_request(
    whole: Fleet, docker: Fault, figure: Callable[[str], None], what: str
) -> None:
    victim = whole.apps[2]
    back_in_rotation(whole, victim)
    plan = whole.load(rate=20)
    with constant_load(plan) as load:
        docker(what, victim)
        gone = out_of_rotation(whole, victim)
    verdict = judge(load.finish(), whole.stored(plan))
    figure(
        f"docker {what} of an application host: out of the rotation after {gone:.1f} s; slowest answer {verdict.max_ms:.0f} ms"
    )
    assert [outcome for outcome in verdict.failed if outcome.method == "GET"] == [], str(verdict)
    assert not verdict.stored_twice and not verdict.acknowledged_not_stored, str(verdict)
    assert gone < at_pace(GONE_SECONDS_AT_MOST)


def test_a_database_that_keeps_everybody_waiting_takes_no_host_out(whole: Fleet, figure: Callable[[str], None]) -> None:
    """Every worker of every host waits for it, and nobody answers whether it is well."""
    lock = f"BEGIN; LOCK TABLE {whole.project.entries_table}; SELECT pg_sleep({BUSY_SECONDS}); COMMIT"
    plan = whole.load(rate=20)
    with constant_load(plan) as load:
        whole.lab.db.run(f"cd / && runuser -u postgres -- psql -X -d {whole.name} -c '{lock}'")
        time.sleep(2)
    verdict = judge(load.finish(), whole.stored(plan))
    figure(f"a database that answers nobody for {BUSY_SECONDS} s: {len(verdict.failed)} of {verdict.requests} requests failed")
    assert verdict.flawless, str(verdict)
    assert verdict.max_ms > BUSY_SECONDS * 1000 - 500, "nobody had to wait"


def test_changes_at_work_on_a_host_that_fails_its_checks_are_answered(whole: Fleet) -> None:
    """A host that is only busy looks like a sick one: what it has begun to change, it ends, and its visitors hear of it."""
    back_in_rotation(whole, whole.apps[1])
    lock = f"BEGIN; LOCK TABLE {whole.project.entries_table}; SELECT pg_sleep({BUSY_SECONDS}); COMMIT"
    begun = whole.views(whole.lab.lb)[whole.apps[1].name]["stot"]

    def change(number: int) -> int:
        return whole.visitor.post(whole.project.entries_path, {"text_id": f"busy-{number}-{time.monotonic_ns()}"}).status

    with ThreadPoolExecutor(CHANGES + 1) as beside:
        waiting = beside.submit(whole.lab.db.run, f"cd / && runuser -u postgres -- psql -X -d {whole.name} -c '{lock}'")
        time.sleep(1)
        answers = [beside.submit(change, number) for number in range(CHANGES)]
        time.sleep(1)
        assert int(whole.views(whole.lab.lb)[whole.apps[1].name]["stot"]) > int(begun), "the host has nothing to change"
        whole.tell_balancer(whole.lab.lb, f"set server {whole.name}/{whole.apps[1].name} health down")
        assert whole.views(whole.lab.lb)[whole.apps[1].name]["status"].startswith("DOWN")
        waiting.result()
        assert [answer.result() for answer in answers] == [201] * CHANGES
    back_in_rotation(whole, whole.apps[1])


@pytest.mark.long_on_slow
@pytest.mark.about("haproxy")
def test_a_host_whose_workers_hang_leaves_and_returns(whole: Fleet, figure: Callable[[str], None]) -> None:
    victim = whole.apps[1]
    victim.run(f"pkill --signal STOP --uid {whole.name} --full gunicorn")
    try:
        gone = out_of_rotation(whole, victim)
        assert {whole.visitor.get("/version").status for _ in range(20)} == {200}
    finally:
        victim.run(f"pkill --signal CONT --uid {whole.name} --full gunicorn")
    back = back_in_rotation(whole, victim)
    figure(f"stopped workers: out of the rotation after {gone:.1f} s, back {back:.1f} s after they went on")


def test_a_host_whose_pages_are_errors_leaves_and_returns(whole: Fleet, figure: Callable[[str], None]) -> None:
    """Its port answers, its site is sick: the project can't reach the database from this host alone."""
    victim = whole.apps[1]
    whole.cut_off_database(victim)
    try:
        gone = out_of_rotation(whole, victim)
        last_check = whole.views(whole.lab.lb)[victim.name]["last_chk"]
        assert {whole.visitor.get().status for _ in range(20)} == {200}
    finally:
        whole.restore_database(victim)
    back = back_in_rotation(whole, victim)
    figure(
        f"errors of one host ({last_check}): out of the rotation after {gone:.1f} s, back {back:.1f} s after the cause was gone"
    )


def out_of_rotation(fleet: Fleet, machine: Machine) -> float:
    """Wait until no balancer sends a request there any more, and return how long it took."""
    return max(
        fleet.await_view(balancer, machine.name, "DOWN", seconds=GONE_SECONDS_AT_MOST) for balancer in fleet.lab.tier("lb")
    )


def back_in_rotation(fleet: Fleet, machine: Machine) -> float:
    """Wait until each balancer does again, and return how long it took."""
    return max(fleet.await_view(balancer, machine.name, "UP", seconds=20) for balancer in fleet.lab.tier("lb"))


def test_killed_workers_lose_no_stored_row_and_store_none_twice(whole: Fleet) -> None:
    plan = whole.load(rate=20)
    victim = whole.apps[0]
    with constant_load(plan) as load:
        for _ in range(3):
            kill = f"pkill --signal KILL --uid {whole.name} --full gunicorn"
            victim.run(f"timeout 30 sh -c 'until {kill}; do sleep 0.2; done'")
            whole.await_version("v1")
    # As who has looked at it does: for a minute, the status would call three restarts a trouble.
    victim.run(f"systemctl reset-failed '{whole.name}@*.service'")
    verdict = judge(load.finish(), whole.stored(plan))
    assert not verdict.stored_twice and not verdict.acknowledged_not_stored, str(verdict)
    assert [outcome for outcome in verdict.failed if outcome.method == "GET"] == [], str(verdict)
