"""Backups of a cluster on a host of the group backup, which here is the application host, too."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator

import pytest

from tests.behaviour.failover.conftest import Trio
from tests.behaviour.kit.backups import STOP, TURN, look, repository
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import Machine

COPY_PORT = 5498
ASK = "cd /; pgbackrest --stanza=main --repo=1 --log-level-console=off --log-level-stderr=error repo-ls backup/main"


@pytest.fixture(scope="module")
def kept(grown: Trio) -> Iterator[Trio]:
    """The cluster, whose members send their backups to a host; nothing else makes one meanwhile."""
    grown.keepers = (grown.lab.app.name,)
    grown.with_databases(*grown.databases).play("site").must_succeed()
    for machine in grown.members:
        machine.run(STOP)
    # The restarts that archiving wants come with the first one.
    grown.play("backup").must_succeed()
    for machine in grown.members:
        machine.run(TURN)
    grown.await_whole()
    yield grown
    if grown.keepers:
        grown.variables["pgbackrest_repositories"] = [{"type": "local"}]
        grown.with_databases(*grown.databases).play("site").must_succeed()
    del grown.variables["pgbackrest_repositories"]
    grown.keepers = ()
    grown.write_inventory()


def unit(site: Trio) -> str:
    return f"{site.name}-backup.service"


def folder(site: Trio) -> str:
    return f"/var/lib/hotclub-backup/{site.name}"


def passphrase(machine: Machine) -> str:
    return machine.run("sed -n 's/^repo1-cipher-pass=//p' /etc/pgbackrest/pgbackrest.conf").strip()


def test_members_send_their_backups_to_a_host_that_can_not_read_them(kept: Trio) -> None:
    leader, keeper = kept.primary(), kept.lab.app
    marker = f"readable-{uuid.uuid4().hex}"
    assert kept.visitor.post(kept.project.entries_path, {"text_id": marker}).status == 201
    kept.fill_segments(1)
    kept.play("backup").must_succeed()
    found = repository(leader)
    assert found["where"] == f"{keeper.name}:{folder(kept)}" and found["newest"]["host"] == leader.name, found
    assert found["elsewhere"] and not found["gaps"] and not found["error"], found

    account = f"{kept.name}-backup"
    assert keeper.run(f"find {folder(kept)} ! -user {account} -o ! -group {account}") == ""
    assert keeper.run(f"stat -c '%a %U' {folder(kept)}").strip() == f"700 {account}"
    assert keeper.run(f"ls {folder(kept)}/backup/main").count("F") >= 2
    secret = passphrase(leader)
    assert len(secret) > 20
    for hidden in (marker, secret):
        assert not keeper.succeeds(f"grep -rqaF {shlex.quote(hidden)} {folder(kept)} /etc/hotclub/{account}"), hidden
    for machine in kept.members[1:]:
        machine.run(TURN)
    told = kept.play("status").must_succeed()
    assert told.says(f"in {keeper.name}:{folder(kept)}", f"the backups of {kept.name} are in {folder(kept)}"), told


def test_a_run_changes_nothing_and_the_server_is_confined(kept: Trio) -> None:
    # The first one starts the timers again.
    kept.play("site").must_succeed()
    assert kept.play("site").must_succeed().changed == 0
    for machine in kept.members:
        machine.run(STOP)
    exposure = kept.lab.app.run(f"systemd-analyze security --no-pager {unit(kept)} | tail -1")
    assert float(exposure.split(":")[1].split()[0]) <= 2.0, exposure


def test_nobody_is_let_in_whose_certificate_has_another_name(kept: Trio) -> None:
    leader = kept.primary()
    assert leader.succeeds(ASK)
    files = {"ca": "authority", "cert": "fullchain", "key": "privkey"}
    other = " ".join(f"--repo1-host-{what}-file=/etc/patroni/certificate/{name}.pem" for what, name in files.items())
    refused = leader.shell.run(f"{ASK} {other}")
    assert refused.rc != 0 and "access denied" in refused.stdout + refused.stderr, refused


def test_the_site_serves_while_the_host_is_away_and_nothing_is_missing_afterwards(kept: Trio) -> None:
    leader, keeper = kept.primary(), kept.lab.app
    keeper.run(f"systemctl stop {unit(kept)}")
    try:
        for _ in range(3):
            assert kept.visitor.post(kept.project.entries_path, {"text_id": uuid.uuid4().hex}).status == 201
            kept.fill_segments(1)
        assert look(leader)["waiting"]["mb"] > 0
        told = kept.play("status")
        assert told.says(f"{unit(kept)} doesn't run", "can't be read"), told
    finally:
        keeper.run(f"systemctl start {unit(kept)}")
    leader.run(TURN)
    found = repository(leader)
    assert not found["gaps"] and not found["error"] and not look(leader)["failure"], found


def test_what_was_deleted_comes_back_from_there(kept: Trio) -> None:
    leader = kept.primary()
    table = kept.project.entries_table
    moment, before = (
        kept.main_database.value("SELECT clock_timestamp()"),
        kept.main_database.value(f"SELECT count(*) FROM {table}"),
    )
    assert int(before) > 0
    kept.main_database.rows(f"DELETE FROM {table}")
    kept.play("restore", restore_time=moment, restore_beside="earlier", restore_port=COPY_PORT).must_succeed()
    try:
        copy = Database(leader, f"'port={COPY_PORT} dbname={kept.name}'")
        assert copy.value(f"SELECT count(*) FROM {table}") == before
    finally:
        leader.run("pg_dropcluster --stop $(ls /etc/postgresql) earlier")


def test_it_stops_where_nothing_is_sent_any_more_and_keeps_what_it_has(kept: Trio) -> None:
    keeper = kept.lab.app
    kept.variables["pgbackrest_repositories"] = [{"type": "local"}]
    kept.with_databases(*kept.databases).play("site").must_succeed()
    assert keeper.succeeds(f"test ! -e /etc/systemd/system/{unit(kept)} && test ! -e /etc/hotclub/{kept.name}-backup")
    assert keeper.succeeds(f"test -e {folder(kept)}/backup/main/backup.info")
    for machine in kept.members:
        assert machine.succeeds(f"test ! -e /etc/hotclub/{kept.name}-backup/certificate"), machine.name
    assert kept.play("site").must_succeed().changed == 0
    kept.keepers = ()
