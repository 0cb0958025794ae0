"""One database host with data becomes three, without dump and restore. Needs fresh hosts, as `make soak` has them."""

from __future__ import annotations

from collections.abc import Callable

from tests.behaviour.failover.conftest import Trio
from tests.behaviour.kit.database import Database
from tests.load import constant_load, judge, outage

ROWS = 200_000
PAUSE_SECONDS_AT_MOST = 20.0


def test_one_server_with_data_grows_to_three(trio: Trio, figure: Callable[[str], None]) -> None:
    trio.with_databases("db1").play("site").must_succeed()
    alone = Database(trio.lab.db, trio.name)
    assert trio.lab.db.succeeds("test ! -e /etc/patroni"), (
        "db1 has been in a cluster before. Remove the lab hosts and start new ones."
    )
    alone.rows(f"CREATE TABLE old AS SELECT generate_series(1, {ROWS}) AS number")
    system = alone.value("SELECT system_identifier FROM pg_control_system()")
    plan = trio.load(rate=15)
    with constant_load(plan) as load:
        grown = trio.with_databases("db1", "db2", "db3").play("site").must_succeed()
    outcomes = load.finish()
    trio.await_whole()
    verdict = judge(outcomes, trio.stored_on_primary(plan))
    figure(
        f"one server grew to three in {grown.seconds:.0f} s, of which {outage(outcomes):.1f} s "
        f"without answers: {verdict.requests} requests, {len(verdict.failed)} failed"
    )
    for machine in trio.members:
        database = Database(machine, trio.name)
        assert database.value("SELECT count(*) FROM old") == str(ROWS)
        assert database.value("SELECT system_identifier FROM pg_control_system()") == system
    # They wait while PostgreSQL restarts under Patroni.
    assert not verdict.failed, str(verdict)
    assert not verdict.acknowledged_not_stored, str(verdict)
    assert outage(outcomes) < PAUSE_SECONDS_AT_MOST, str(verdict)
    ended = "test ! -e /etc/pgbackrest/pgbackrest.conf && ! systemctl is-active --quiet hotclub-backups.timer"
    assert trio.lab.db.succeeds(ended), "the backups of the server that was alone go on, and nothing looks at them"
    assert trio.play("site").must_succeed().changed == 0
