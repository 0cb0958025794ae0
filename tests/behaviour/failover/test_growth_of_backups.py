"""The backups of one database host go on when it becomes three. Needs fresh hosts of its own, as `make soak` has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviour.failover.conftest import Trio
from tests.behaviour.kit.backups import STOP, TURN, look, repository
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.storage import Storage


@pytest.fixture
def stored(trio: Trio, storage: Storage) -> Iterator[Trio]:
    """The site with a storage, on fresh hosts; afterwards without, while the storage still answers."""
    if not trio.lab.db.succeeds("test ! -e /etc/patroni"):
        pytest.skip("db1 has been in a cluster before")
    for machine in trio.members:
        storage.trusted_by(machine)
    trio.variables["pgbackrest_repositories"] = [storage.repository]
    yield trio
    del trio.variables["pgbackrest_repositories"]
    trio.with_databases(*trio.databases).play("site").must_succeed()


def test_the_backups_of_one_server_go_on_when_it_grows_to_three(stored: Trio) -> None:
    trio = stored
    first = trio.lab.db
    trio.with_databases("db1").play("site").must_succeed()
    first.run(STOP)
    trio.play("backup", backup_name="alone").must_succeed()
    Database(first, trio.name).rows("SELECT pg_switch_wal() FROM (SELECT txid_current()) AS written")
    [alone] = repository(first)["backups"]
    assert (alone["type"], alone["host"]) == ("full", "")

    trio.with_databases("db1", "db2", "db3").play("site").must_succeed()
    trio.await_whole()
    for machine in trio.members:
        machine.run(STOP)
    trio.fill_segments(2)
    for machine in trio.members:
        # Of itself a copy says whether it is ready; the first look of the primary makes the rest.
        machine.run(TURN)
    leader = trio.primary()
    found = repository(leader)
    assert not found["gaps"] and found["backups"][0]["label"] == alone["label"], found
    for machine in trio.others(leader):
        said = look(machine)
        assert said["follows"] and said["ready"] and said["archives"] and not said["failure"], said

    trio.play("backup", backup_kind="diff").must_succeed()
    made = repository(leader)
    assert (made["newest"]["type"], made["newest"]["host"]) == ("diff", leader.name) and not made["gaps"], made
    assert [one["label"] for one in made["backups"] if one["type"] == "full"] == [alone["label"]], "it began anew"
    assert look(leader)["points"].keys() >= {"alone"}

    to = trio.synchronous()[0]
    trio.play("switchover", switchover_to=to.name).must_succeed()
    trio.await_whole()
    trio.fill_segments(2)
    for machine in trio.members:
        machine.run(TURN)
    after = repository(to)
    assert not after["gaps"], after
    assert look(to)["points"].keys() >= {"alone"}, "the new primary doesn't know the moments of the server that was alone"
    # The first one starts the timers again.
    trio.play("site").must_succeed()
    assert trio.play("site").must_succeed().changed == 0
