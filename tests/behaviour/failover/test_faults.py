"""What may happen to database hosts while the site writes: no acknowledged row is lost, and never do two servers take writes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import pytest

from tests.behaviour.failover.conftest import Fault, Trio, Writers
from tests.behaviour.kit.acknowledged import from_two_at_once, longest_pause
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.load import constant_load, judge

KILL_SERVER = "kill -9 $(head -1 /var/lib/postgresql/*/main/postmaster.pid)"
KILL_PATRONI = "kill -9 $(systemctl show --property=MainPID --value 'patroni@*')"
KILL_ETCD = "kill -9 $(systemctl show --property=MainPID --value etcd)"
# How long a fault lasts that ends by itself: longer than the cluster may take to notice it.
LASTS_SECONDS = 35


@dataclasses.dataclass(frozen=True)
class Episode:
    """What is done to the primary's host, what ends it, and how long the site may be without acknowledged writes."""

    name: str
    begin: str
    end: str
    seconds: float
    # Whether another host must be the primary afterwards; None where either may.
    moves: bool | None


EPISODES = [
    Episode("postgres is killed", KILL_SERVER, "", 5, moves=None),
    Episode("patroni is killed", KILL_PATRONI, "", 1, moves=False),
    Episode("etcd is killed", KILL_ETCD, "", 1, moves=False),
    Episode("the host is killed", "kill", "start", 30, moves=True),
    Episode("the host is paused", "pause", "wake", 30, moves=True),
    Episode("the host is cut off", "cut", "connect", 30, moves=True),
]


@pytest.mark.parametrize("episode", EPISODES, ids=lambda episode: episode.name.replace(" ", "-"))
def test_nothing_is_lost_when(
    episode: Episode, whole: Trio, written: Writers, docker: Fault, figure: Callable[[str], None]
) -> None:
    primary = whole.primary()
    asked = whole.others(primary)[0]
    plan = whole.load(rate=10)
    with constant_load(plan) as load:
        began = time.time()
        happen(episode.begin, primary, docker)
        time.sleep(at_pace(LASTS_SECONDS) if episode.end else at_pace(12))
        leader = whole.primary(asked)
        if episode.end:
            docker(episode.end, primary)
            # What it was told while it was away, it may want to do now.
            time.sleep(at_pace(8))
    outcomes = load.finish()
    whole.await_whole()
    written.stop()
    rows = written.acknowledged()
    pause = longest_pause(rows, began)
    figure(
        f"when {episode.name}, writes resume after {pause:.1f} s "
        f"({len(rows)} rows acknowledged, {len(written.complaints())} refused, {len(written.failed_reads())} reads failed)"
    )
    assert not written.lost(rows), f"{len(written.lost(rows))} of {len(rows)} rows are lost: {written.lost(rows)[:5]}"
    assert not from_two_at_once(rows), from_two_at_once(rows)[:5]
    assert not judge(outcomes, whole.stored_on_primary(plan)).acknowledged_not_stored
    kept = written.kept_on_copies()
    assert max(kept, default=0) - min(kept, default=0) <= at_pace(3), kept
    assert not written.failed_reads(), written.failed_reads()[:5]
    assert pause <= at_pace(episode.seconds), written.complaints()[-5:]
    assert episode.moves is None or (leader.name != primary.name) is episode.moves, whole.seen_by(asked)


# Commits wait for one of the others, and not for the second one, which gets them all before it leads.
@pytest.mark.parametrize("waited_for", [True, False], ids=["to-the-synchronous-copy", "to-the-other-one"])
def test_a_switchover_loses_nothing_and_takes_seconds(
    waited_for: bool, whole: Trio, written: Writers, figure: Callable[[str], None]
) -> None:
    primary, synchronous = whole.primary(), whole.synchronous()[0]
    to = synchronous if waited_for else next(one for one in whole.others(primary) if one.name != synchronous.name)
    began = time.time()
    whole.play("switchover", switchover_to=to.name).must_succeed()
    time.sleep(at_pace(3))
    assert whole.primary().name == to.name
    written.stop()
    whole.await_whole()
    rows = written.acknowledged()
    pause = longest_pause(rows, began)
    figure(f"at a switchover from {primary.name} to {to.name}, writes resume after {pause:.1f} s")
    assert not written.lost(rows), written.lost(rows)[:5]
    assert not from_two_at_once(rows), from_two_at_once(rows)[:5]
    # It answers, so that no look at the connection's health tells, and takes no writes.
    kept = written.kept_on_copies()
    assert max(kept, default=0) - min(kept, default=0) <= at_pace(3), kept
    assert not written.failed_reads(), written.failed_reads()[:5]
    assert pause <= at_pace(5)


def test_a_copy_that_dies_stops_writes_for_moments_and_comes_back(
    whole: Trio, written: Writers, docker: Fault, figure: Callable[[str], None]
) -> None:
    primary, copy = whole.primary(), whole.synchronous()[0]
    began = time.time()
    docker("kill", copy)
    time.sleep(at_pace(LASTS_SECONDS))
    assert whole.primary(primary).name == primary.name
    docker("start", copy)
    back = whole.await_whole()
    written.stop()
    rows = written.acknowledged()
    pause = longest_pause(rows, began)
    figure(f"when the synchronous copy is killed, writes resume after {pause:.1f} s; it is back {back:.0f} s after its boot")
    assert not written.lost(rows), written.lost(rows)[:5]
    assert whole.primary().name == primary.name
    assert pause <= at_pace(10)


def test_a_hiccup_of_patroni_cuts_no_session(whole: Trio, written: Writers) -> None:
    primary = whole.primary()
    stop = "kill -STOP $(systemctl show --property=MainPID --value 'patroni@*')"
    primary.run(f"{stop}; sleep 8; {stop.replace('STOP', 'CONT')}")
    time.sleep(at_pace(5))
    assert whole.primary().name == primary.name
    written.stop()
    assert not written.complaints(), written.complaints()[:5]


def test_without_a_majority_of_etcd_the_primary_goes_on(whole: Trio, written: Writers, figure: Callable[[str], None]) -> None:
    primary = whole.primary()
    etcd = whole.others(primary)
    began = time.time()
    for machine in etcd:
        machine.run("systemctl stop etcd")
    time.sleep(at_pace(45))
    lasted = time.time()
    for machine in etcd:
        machine.run("systemctl start --no-block etcd")
    time.sleep(at_pace(20))
    whole.await_whole()
    written.stop()
    rows = written.acknowledged()
    pause = longest_pause(rows, began)
    figure(
        f"while two of three etcd are away for {lasted - began:.0f} s, "
        f"the longest pause between acknowledged rows is {pause:.1f} s"
    )
    assert whole.primary().name == primary.name
    assert not written.complaints(), written.complaints()[:5]
    assert not written.lost(rows), written.lost(rows)[:5]
    assert pause <= at_pace(2)


def test_all_members_restarted_at_once_have_everything(
    whole: Trio, written: Writers, docker: Fault, figure: Callable[[str], None]
) -> None:
    began = time.time()
    for machine in whole.members:
        docker("kill", machine)
    time.sleep(at_pace(3))
    # None is ready before a majority of them is there.
    for what in ("boot", "start"):
        for machine in whole.members:
            docker(what, machine)
    whole.await_whole()
    time.sleep(at_pace(5))
    written.stop()
    rows = written.acknowledged()
    pause = longest_pause(rows, began)
    figure(f"when all three hosts are killed and start at once, writes resume after {pause:.0f} s")
    assert not written.lost(rows), written.lost(rows)[:5]
    assert not from_two_at_once(rows), from_two_at_once(rows)[:5]
    assert pause <= at_pace(90)


def happen(what: str, machine: Machine, docker: Fault) -> None:
    if " " in what:
        machine.run(what)
    else:
        docker(what, machine)
