"""What an operator runs on a cluster that is whole, that has failed over, or that lacks a member."""

from __future__ import annotations

from tests.behaviour.failover.conftest import Fault, Trio


def test_site_changes_nothing_wherever_the_primary_is(whole: Trio) -> None:
    for to in [machine.name for machine in whole.members if machine.name != whole.primary().name]:
        whole.play("switchover", switchover_to=to).must_succeed()
        whole.await_whole()
        assert whole.primary().name == to
        before, leader = whole.processes(), whole.primary().name
        run = whole.play("site").must_succeed()
        assert run.changed == 0, run
        assert (whole.processes(), whole.primary().name) == (before, leader)


def test_site_without_a_member_restarts_and_moves_nothing(whole: Trio, docker: Fault) -> None:
    gone = whole.others(whole.primary())[0]
    stay = [machine for machine in whole.members if machine.name != gone.name]
    docker("kill", gone)
    before, leader = whole.processes(*stay), whole.primary(stay[0]).name
    run, status = whole.play("site"), whole.play("status")
    docker("start", gone)
    assert run.says(f"{gone.name}", "unreachable"), run
    assert run.recap[leader]["failed"] == 0 and run.recap[leader]["changed"] == 0, run
    assert whole.processes(*stay) == before
    assert status.must_fail().says(f"{gone.name}: ", "leader, timeline", "has every commit"), status
    whole.await_whole()
    assert whole.primary().name == leader
    assert whole.play("status").must_succeed().says("leader, timeline", "has every commit", "follows, timeline")
    assert whole.play("site").must_succeed().changed == 0


def test_a_release_is_deployed_on_a_cluster(whole: Trio) -> None:
    whole.at("v2")
    whole.at("v1")


def test_a_switchover_to_a_stranger_is_refused(whole: Trio) -> None:
    before = whole.primary().name
    assert whole.play("switchover", switchover_to="web1").must_fail().says("switchover_to is web1", "db1, db2, db3")
    assert whole.primary().name == before
