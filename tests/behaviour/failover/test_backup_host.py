"""Backups on a host of the group backup. Needs hosts on which no cluster has been, as `make soak` has them."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator

import pytest

from tests.behaviour.failover.conftest import Trio
from tests.behaviour.kit.backups import STOP, TURN, archived, look, repository
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import Machine

COPY_PORT = 5498


@pytest.fixture(scope="module")
def keeper(trio: Trio) -> Machine:
    """The host for backups: one that the site has for nothing else."""
    first, *others = trio.lab.tier("db")
    used = {first.name, *(machine.name for machine in (*trio.lab.tier("app"), *trio.lab.tier("lb")))}
    return next(machine for machine in (*others, *trio.lab.machines.values()) if machine.name not in used)


@pytest.fixture(scope="module")
def sent(trio: Trio, keeper: Machine) -> Iterator[Trio]:
    """The site with one database host, which sends its backups to another host; nothing else makes one meanwhile."""
    if not trio.lab.db.succeeds("test ! -e /etc/patroni"):
        pytest.skip(f"{trio.lab.db.name} has been in a cluster before")
    all_of_them = trio.databases
    trio.keepers = (keeper.name,)
    trio.with_databases(trio.lab.db.name).play("site").must_succeed()
    trio.lab.db.run(STOP)
    trio.play("backup", backup_name="the-first").must_succeed()
    yield trio
    if trio.keepers:
        leave_off(trio)
    del trio.variables["pgbackrest_repositories"]
    trio.with_databases(*all_of_them)


def leave_off(site: Trio) -> None:
    """Send nothing any more, and take the host out of the group."""
    site.variables["pgbackrest_repositories"] = [{"type": "local"}]
    site.write_inventory()
    site.play("site").must_succeed()
    site.keepers = ()
    site.write_inventory()


def folder(site: Trio) -> str:
    return f"/var/lib/hotclub-backup/{site.name}"


def unit(site: Trio) -> str:
    return f"{site.name}-backup.service"


def rows(site: Trio) -> int:
    return int(Database(site.lab.db, site.name).value(f"SELECT count(*) FROM {site.project.entries_table}"))


def posted(site: Trio) -> str:
    text_id = uuid.uuid4().hex
    assert site.visitor.post(site.project.entries_path, {"text_id": text_id}).status == 201
    Database(site.lab.db, site.name).rows("SELECT pg_switch_wal() FROM (SELECT txid_current()) AS written")
    return text_id


def test_the_backups_are_on_a_host_that_can_not_read_them(sent: Trio, keeper: Machine) -> None:
    db, account = sent.lab.db, f"{sent.name}-backup"
    marker = posted(sent)
    sent.play("backup", backup_kind="diff").must_succeed()
    found = repository(db)
    assert (found["where"], found["elsewhere"]) == (f"{keeper.name}:{folder(sent)}", True), found
    assert found["newest"]["type"] == "diff" and not found["gaps"] and not found["error"], found

    assert keeper.run(f"find {folder(sent)} ! -user {account} -o ! -group {account}") == ""
    assert keeper.run(f"stat -c '%a %U' {folder(sent)}").strip() == f"700 {account}"
    secret = db.run("sed -n 's/^repo1-cipher-pass=//p' /etc/pgbackrest/pgbackrest.conf").strip()
    assert len(secret) > 20
    for hidden in (marker, secret):
        assert not keeper.succeeds(f"grep -rqaF {shlex.quote(hidden)} {folder(sent)} /etc/hotclub/{account}"), hidden
    told = sent.play("status").must_succeed()
    assert told.says(f"in {keeper.name}:{folder(sent)}", f"the backups of {sent.name} are in {folder(sent)}"), told


def test_a_run_changes_nothing_and_the_server_is_confined(sent: Trio, keeper: Machine) -> None:
    # The first one starts the timer again.
    sent.play("site").must_succeed()
    assert sent.play("site").must_succeed().changed == 0
    sent.lab.db.run(STOP)
    exposure = keeper.run(f"systemd-analyze security --no-pager {unit(sent)} | tail -1")
    assert float(exposure.split(":")[1].split()[0]) <= 2.0, exposure


def test_nobody_is_let_in_whose_certificate_has_another_name(sent: Trio, keeper: Machine) -> None:
    db = sent.lab.db
    # As the account that may read the key.
    ask = "cd /; runuser -u postgres -- pgbackrest --stanza=main --repo=1 --log-level-stderr=error repo-ls backup/main"
    told = f"/etc/hotclub/{sent.name}-backup/pgbackrest.conf"

    def let_in(name: str) -> None:
        auth = f"tls-server-auth=backups of {name}=main"
        keeper.run(f"sed -i 's/^tls-server-auth=.*/{auth}/' {told} && systemctl restart {unit(sent)}")

    assert db.succeeds(ask)
    let_in("another")
    try:
        refused = db.shell.run(ask)
    finally:
        let_in(db.name)
    assert refused.rc != 0 and "access denied" in refused.stdout + refused.stderr, refused
    assert db.succeeds(ask)


def test_the_site_serves_while_the_host_is_away_and_nothing_is_missing_afterwards(sent: Trio, keeper: Machine) -> None:
    db = sent.lab.db
    last = Database(db, sent.name).value("SELECT pg_walfile_name(pg_current_wal_lsn())")
    keeper.run(f"systemctl stop {unit(sent)}")
    try:
        for _ in range(3):
            posted(sent)
        # Without a look at the host for backups, which pgBackRest tries to reach for a minute.
        assert db.run("ls /var/lib/postgresql/*/main/pg_wal/archive_status").count(".ready") > 0
        told = sent.play("status").must_fail()
        assert told.says(f"{unit(sent)} doesn't run", f"the backups in {keeper.name}:{folder(sent)} can't be read"), told
    finally:
        keeper.run(f"systemctl start {unit(sent)}")
    db.run(TURN)
    found = repository(db)
    assert last in archived(db) and not found["gaps"] and not look(db)["failure"], found


def test_what_was_deleted_comes_back_from_there(sent: Trio) -> None:
    db, table = sent.lab.db, sent.project.entries_table
    before = rows(sent)
    assert before > 0
    moment = Database(db, sent.name).value("SELECT clock_timestamp()")
    Database(db, sent.name).rows(f"DELETE FROM {table}")
    asked = sent.play("restore", restore_time=moment).must_fail()
    assert asked.says("restore_confirmed"), asked
    sent.play("restore", restore_time=moment, restore_confirmed=sent.name).must_succeed()
    assert rows(sent) == before
    sent.play("drill").must_succeed()


def test_it_can_not_leave_while_backups_are_sent_there_and_keeps_what_it_has_afterwards(sent: Trio, keeper: Machine) -> None:
    refused = sent.play("decommission", decommission_host=keeper.name).must_fail()
    assert refused.says(f"{keeper.name} keeps the backups of {sent.name}", "pgbackrest_repositories", "No host was taken out"), (
        refused
    )
    leave_off(sent)
    assert keeper.succeeds(f"test ! -e /etc/systemd/system/{unit(sent)} && test ! -e /etc/hotclub/{sent.name}-backup")
    assert keeper.succeeds(f"test -e {folder(sent)}/backup/main/backup.info")
    assert sent.lab.db.succeeds(f"test ! -e /etc/hotclub/{sent.name}-backup/certificate")
