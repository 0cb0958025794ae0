"""Backups of a cluster: whichever member leads makes them, and the next primary archives what the one before it had not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest

from tests.behaviour.failover.conftest import Fault, Trio, Writers
from tests.behaviour.kit.backups import STOP, TURN, archived, look, repository
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.storage import Storage

COPY_PORT = 5499
# Enough for the slowest of: etcd's own new leader, and the right to lead that has to run out first.
TAKES_OVER_SECONDS = 60


@pytest.fixture(scope="module")
def backed_up(grown: Trio, storage: Storage) -> Iterator[Trio]:
    """The cluster with backups, which have begun while it served; nothing else makes one meanwhile."""
    assert grown.play("status").says("names no storage that all of them reach")
    grown.variables["pgbackrest_repositories"] = [storage.repository]
    for machine in grown.members:
        storage.trusted_by(machine)
    grown.with_databases(*grown.databases).play("site").must_succeed()
    for machine in grown.members:
        machine.run(STOP)
    leader = grown.primary().name
    grown.play("backup", backup_name="before-the-tests").must_succeed()
    assert grown.primary().name == leader, "the restarts moved the primary"
    for machine in grown.members:
        assert Database(machine, grown.name).value("SHOW archive_mode") == "on", machine.name
        machine.run(TURN)
    grown.await_whole()
    yield grown
    del grown.variables["pgbackrest_repositories"]
    grown.with_databases(*grown.databases).play("site").must_succeed()


@pytest.fixture
def sound(backed_up: Trio, whole: Trio) -> Trio:
    del whole
    return backed_up


def rows_of_visitors(site: Trio) -> list[str]:
    """Rows that visitors have stored; each was acknowledged."""
    ids = [uuid.uuid4().hex for _ in range(5)]
    statuses = [site.visitor.post(site.project.entries_path, {"text_id": text_id}).status for text_id in ids]
    assert statuses == [201] * len(ids)
    return ids


def test_all_members_are_ready_and_the_primary_alone_makes_backups(sound: Trio) -> None:
    leader = sound.primary()
    assert repository(leader)["newest"]["host"] == leader.name
    assert look(leader)["points"].keys() >= {"before-the-tests"}
    for machine in sound.others(leader):
        said = look(machine)
        assert said["follows"] and said["ready"] and said["archives"] and not said["failure"], said
    told = sound.play("status").must_succeed()
    assert told.output.count("the newest backup of the database") == 1 and told.says(f"made by {leader.name}"), told
    # It starts the timers again, which these tests have stopped.
    sound.play("site").must_succeed()
    assert sound.play("site").must_succeed().changed == 0
    for machine in sound.members:
        machine.run(STOP)
    secret = "stat -c '%a %U %G' /etc/pgbackrest/pgbackrest.conf"
    assert {machine.run(secret) for machine in sound.members} == {"640 root postgres"}


def test_a_switchover_moves_the_backups(sound: Trio) -> None:
    before = sound.primary()
    fulls = [one["label"] for one in repository(before)["backups"] if one["type"] == "full"]
    sound.fill_segments(2)
    to = sound.synchronous()[0]
    sound.play("switchover", switchover_to=to.name).must_succeed()
    sound.await_whole()
    sound.fill_segments(2)
    for machine in sound.members:
        machine.run(TURN)
    after = repository(to)
    assert not after["gaps"], after
    sound.play("backup", backup_kind="diff").must_succeed()
    made = repository(to)
    assert made["newest"]["host"] == to.name and made["newest"]["type"] == "diff" and not made["gaps"], made
    assert [one["label"] for one in made["backups"] if one["type"] == "full"][: len(fulls)] == fulls
    assert look(to)["points"].keys() >= {"before-the-tests"}, "the new primary doesn't know the named moments"


def test_what_a_killed_primary_had_not_archived_is_archived_and_comes_back(
    sound: Trio, storage: Storage, docker: Fault, written: Writers
) -> None:
    primary = sound.primary()
    asked = sound.others(primary)[0]
    storage.go_silent()
    try:
        first = sound.main_database.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
        sound.fill_segments(3)
        docker("kill", primary)
    finally:
        storage.answer_again()
    deadline = time.monotonic() + at_pace(TAKES_OVER_SECONDS)
    while (leader := leader_of(sound, asked)) in ("", primary.name):
        assert time.monotonic() < deadline, sound.seen_by(asked)
        time.sleep(1)
    new = sound.lab.machines[leader]
    time.sleep(at_pace(5))
    ids = rows_of_visitors(sound)
    moment = Database(new, sound.name).value("SELECT clock_timestamp()")
    before = Database(new, sound.name).value("SELECT count(*) FROM journal_entry")
    Database(new, sound.name).rows("DELETE FROM journal_entry")
    assert first not in archived(new), "it had reached the storage, so this proves nothing"
    new.run(TURN)
    found = repository(new)
    assert not found["gaps"] and first in archived(new), found
    beside = sound.play("restore", restore_time=moment, restore_beside="earlier", restore_port=COPY_PORT)
    docker("start", primary)
    assert beside.says("as it was at", f"port {COPY_PORT}"), beside
    try:
        copy = Database(new, f"'port={COPY_PORT} dbname={sound.name}'")
        named = ", ".join(f"'{text_id}'" for text_id in ids)
        assert copy.value(f"SELECT count(*) FROM journal_entry WHERE text_id IN ({named})") == str(len(ids))
        assert copy.value("SELECT count(*) FROM journal_entry") == before
        assert copy.value("SHOW archive_mode") == "off"
        stored = {(writer, int(number)) for writer, number in copy.rows("SELECT writer, number FROM acknowledged")}
    finally:
        new.run("pg_dropcluster --stop $(ls /etc/postgresql) earlier")
    sound.await_whole()
    written.stop()
    until = float(new.run(f"date -d '{moment}' +%s.%N"))
    lost = [row for row in written.acknowledged() if row.end < until - 1 and (row.writer, row.number) not in stored]
    assert not lost, f"{len(lost)} rows that were acknowledged before the moment are not in the copy: {lost[:5]}"
    primary.run(TURN)
    assert look(primary)["ready"] and not look(primary)["failure"]


def leader_of(site: Trio, asked: Machine) -> str:
    return next((name for name, one in site.seen_by(asked).items() if one["Role"] == "Leader"), "")


def test_a_copy_rehearses_the_restore(sound: Trio) -> None:
    leader = sound.primary()
    drill = sound.play("drill").must_succeed()
    assert drill.says("it is whole"), drill
    assert any(drill.says(f"looked through on {machine.name}") for machine in sound.others(leader)), drill
    assert not look(leader)["drill"]


def test_a_cluster_is_not_taken_back_in_place(sound: Trio) -> None:
    refused = sound.play("restore", restore_confirmed=sound.name).must_fail()
    assert refused.says("are not taken back in place", "Nothing was changed", "restore_beside=restored"), refused
