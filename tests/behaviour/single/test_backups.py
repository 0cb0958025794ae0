"""What was backed up comes back: to the second before a mistake, in place and beside; and what would not is told loudly."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

# pgBackRest of Debian 12 knows the same options.
pytestmark = [pytest.mark.debian13, pytest.mark.about("pgbackrest", "postgresql", "backup", "restore", "drill")]

REPOSITORY = 'python3 -c \'import json; print(json.load(open("/etc/hotclub/backups.json"))["repositories"][0]["where"])\''
LOOK = "cd /; runuser -u postgres -- python3 -I /usr/local/lib/hotclub/backups look"
COPY_PORT = 5499


class Copy(Database):
    """The database of a site in the cluster that a restore has made beside the live one."""

    def __init__(self, machine: Machine, name: str) -> None:
        super().__init__(machine, f"'port={COPY_PORT} dbname={name}'")


@pytest.fixture(scope="module")
def backed_up(plain: Site, db: Machine) -> Iterator[Site]:
    """The site with a backup that was made while it served; nothing else makes one meanwhile."""
    db.run("systemctl stop hotclub-backups.timer hotclub-backups.service")
    # As a run leaves a server that a version without backups has set up: what must change waits for a restart.
    db.run(
        "cd /etc/postgresql/*/main/conf.d; sed -i.whole /^archive_/d hotclub.conf; systemctl restart 'postgresql@*.service'; "
        "mv hotclub.conf.whole hotclub.conf; touch hotclub.conf"
    )
    assert plain.database.value("SHOW archive_mode") == "off"
    assert '"archives": false' in db.run(LOOK), "status would not say that nothing is archived before a restart"
    plan = plain.load(rate=20)
    with constant_load(plan) as load:
        plain.play("backup", backup_name="before-the-tests").must_succeed()
    assert (verdict := judge(load.finish(), plain.stored(plan))).flawless, str(verdict)
    assert plain.database.value("SHOW archive_mode") == "on"
    yield plain
    db.run("systemctl start hotclub-backups.timer")


@pytest.fixture(scope="module")
def repository(backed_up: Site, db: Machine) -> str:
    return db.run(REPOSITORY)


def written(site: Site) -> list[str]:
    """Rows that visitors have stored; each was acknowledged."""
    ids = [uuid.uuid4().hex for _ in range(5)]
    assert [site.visitor.post(site.project.entries_path, {"text_id": text_id}).status for text_id in ids] == [201] * len(ids)
    return ids


def found(database: Database, ids: list[str]) -> int:
    named = ", ".join(f"'{text_id}'" for text_id in ids)
    return int(database.value(f"SELECT count(*) FROM journal_entry WHERE text_id IN ({named})"))


def test_a_gap_in_the_archive_is_told_and_a_full_backup_follows(backed_up: Site, db: Machine, repository: str) -> None:
    switch = "psql -XAtq -c 'SELECT txid_current()' -c 'SELECT pg_switch_wal()'"
    db.run(
        f"cd /; for _ in 1 2 3; do runuser -u postgres -- {switch}; done; runuser -u postgres -- pgbackrest --stanza=main check"
    )
    lost = db.run(f"find {repository}/archive/main -name '0*-*.zst' | sort | tail -n 2 | head -n 1")
    newest = db.run(f"ls -d {repository}/backup/main/*F | tail -n 1")

    db.run(f"rm {lost}; systemctl start hotclub-backups.service")

    after = db.run(f"ls -d {repository}/backup/main/*F | tail -n 1")
    assert after != newest, db.run("journalctl --no-pager -n 20 -u hotclub-backups")
    status = backed_up.play("status")
    assert status.says("a newer full backup makes up for it", "a restore can go to any moment since"), status


def test_rows_come_back_from_the_second_before_they_were_deleted(backed_up: Site, db: Machine) -> None:
    site = backed_up
    ids = written(site)
    moment = site.database.value("SELECT clock_timestamp()")
    before = site.database.value("SELECT count(*) FROM journal_entry")
    site.database.rows("DELETE FROM journal_entry")

    beside = site.play("restore", restore_time=moment, restore_beside="earlier", restore_port=COPY_PORT).must_succeed()
    try:
        copy = Copy(db, site.name)
        assert found(copy, ids) == len(ids) and copy.value("SELECT count(*) FROM journal_entry") == before, beside
        assert copy.value("SHOW archive_mode") == "off"
        assert found(site.database, ids) == 0, "the live data was touched"
    finally:
        db.run("pg_dropcluster --stop $(ls /etc/postgresql) earlier")

    refused = site.play("restore", restore_time=moment).must_fail()
    assert refused.says("everything that was written since then", f"restore_confirmed={site.name}", "Nothing was changed"), (
        refused
    )
    assert found(site.database, ids) == 0

    restored = site.play("restore", restore_time=moment, restore_confirmed=site.name).must_succeed()
    assert restored.says("before-restore-"), restored
    assert found(site.database, ids) == len(ids) and site.database.value("SELECT count(*) FROM journal_entry") == before
    assert site.visitor.get("/version").status == 200
    assert found(site.database, written(site)) == len(ids), "the restored server takes no changes"


def test_a_drill_proves_the_newest_backup_and_fails_loudly_with_a_damaged_one(
    backed_up: Site, db: Machine, repository: str
) -> None:
    damaged = db.run(f"ls -d {repository}/backup/main/*F/bundle | tail -n 1") + "/1"
    db.run(f"cp --archive {damaged} /var/tmp/bundle")
    db.run(f"dd if=/dev/urandom of={damaged} bs=1024 seek=64 count=64 conv=notrunc status=none")
    try:
        failed = backed_up.play("drill").must_fail()
        assert failed.says("The drill failed"), failed
        status = backed_up.play("status").must_fail()
        assert status.says("the last drill, a restore of", "failed"), status
        assert status.says("the newest backup of the database (full) is of", "no backup is on another machine"), status
    finally:
        db.run(f"mv /var/tmp/bundle {damaged}")
    assert not db.succeeds("ls /var/lib/hotclub-backups/drill"), "the copy was not thrown away"
    assert backed_up.play("drill").must_succeed().says("it is whole")


def test_the_passphrase_is_for_postgresql_alone(backed_up: Site, db: Machine, repository: str) -> None:
    assert db.run("stat -c '%a %U %G' /etc/pgbackrest/pgbackrest.conf") == "640 root postgres"
    assert not db.succeeds(f"runuser -u nobody -- ls {repository}")
    assert_exposure(db, "hotclub-backups.service", 2.0)
