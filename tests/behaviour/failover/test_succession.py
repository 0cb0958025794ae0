"""A member that is gone is replaced by another host, and three hosts become one again. Last, since the hosts are others then."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time

from lab import hosts
from tests.behaviour.failover.conftest import Trio
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import ROOT, Machine
from tests.behaviour.kit.pace import at_pace
from tests.load import constant_load, judge

INVENTORY = "database-cluster"
# As the refusal names it.
PATRONI = "patroni@17-main.service"


def test_a_host_of_another_name_takes_the_place_of_one_that_is_gone(whole: Trio) -> None:
    # The harder case: a new host is the first one of the group.
    gone, second, _third = whole.members
    if whole.primary().name == gone.name:
        whole.play("switchover", switchover_to=second.name).must_succeed()
        whole.await_whole()
    rows = whole.main_database.value("SELECT count(*) FROM old")
    new = replaced(gone, "db4")
    whole.lab.machines[new.name] = new
    whole.with_databases(new.name, *whole.databases[1:])
    plan = whole.load(rate=10)
    with constant_load(plan) as load:
        whole.play("site").must_succeed()
    verdict = judge(load.finish(), whole.stored_on_primary(plan))
    whole.await_whole()

    assert not verdict.failed, str(verdict)
    assert not verdict.acknowledged_not_stored, str(verdict)
    assert Database(new, whole.name).value("SELECT count(*) FROM old") == rows
    assert gone.name not in whole.seen_by(new)
    assert whole.play("status").must_succeed().says("leader, timeline", "has every commit")
    assert whole.play("site").must_succeed().changed == 0


def test_three_hosts_become_one_again(grown: Trio) -> None:
    grown.await_whole()
    stays, *others = grown.members
    grown.play("switchover", switchover_to=stays.name).must_succeed()
    grown.await_whole()
    rows = grown.main_database.value("SELECT count(*) FROM old")
    files = "find /etc/postgresql /etc/patroni -type f -exec sha256sum {} + | sort"
    before = stays.run(files)
    refused = grown.with_databases(stays.name).play("site").must_fail()
    assert refused.says("would make a primary of one of them", f"systemctl disable --now {PATRONI}"), refused
    assert stays.run(files) == before, "the run has changed files of PostgreSQL before it was refused"
    for machine in others:
        machine.run(f"systemctl disable --now {PATRONI}")
    time.sleep(at_pace(30))
    alone = Database(stays, grown.name)
    plan = grown.load(rate=10)
    with constant_load(plan) as load:
        grown.play("site").must_succeed()
    outcomes = load.finish()
    stored = alone.texts(f"SELECT text_id FROM {grown.project.entries_table} WHERE text_id LIKE '{plan.id_prefix}-%'")
    verdict = judge(outcomes, stored)

    assert not verdict.failed, str(verdict)
    assert not verdict.acknowledged_not_stored, str(verdict)
    assert alone.value("SELECT count(*) FROM old") == rows
    assert stays.succeeds("systemctl is-active 'postgresql@*-main.service' && ! systemctl is-active 'patroni@*' etcd")
    assert grown.play("status").must_succeed()
    assert grown.play("site").must_succeed().changed == 0


def replaced(machine: Machine, name: str) -> Machine:
    """Take a host away for good, and return a fresh one of another name, at the same address."""
    was = machine.lab_host
    machine.hang_up()
    hosts.remove_host(was)
    up = ["up", INVENTORY, "--prefix", was.lab.removesuffix(INVENTORY)]
    subprocess.run([sys.executable, "-m", "lab", *up], cwd=ROOT, check=True, capture_output=True)
    return dataclasses.replace(machine, name=name)
