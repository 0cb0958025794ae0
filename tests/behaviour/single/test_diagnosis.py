"""What slows a database down is named with advice, and looking changes nothing."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.database import Database
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("postgresql", "diagnose")]

SECRET = "nobody-else-may-read-this"
# Tables with an unused index, a foreign key without one, and rows that are gone; a setting of somebody's own.
TROUBLE = """
CREATE TABLE slow_owner AS SELECT g AS id FROM generate_series(1, 100) g;
ALTER TABLE slow_owner ADD PRIMARY KEY (id);
CREATE TABLE slow_thing AS
  SELECT g AS id, g % 100 + 1 AS owner_id, repeat(md5(g::text), 4) AS text FROM generate_series(1, 150000) g;
ALTER TABLE slow_thing ADD CONSTRAINT slow_thing_owner FOREIGN KEY (owner_id) REFERENCES slow_owner;
CREATE INDEX slow_thing_unused ON slow_thing (id);
DELETE FROM slow_thing WHERE id % 5 <> 0;
ALTER DATABASE plain SET work_mem = '7MB';
"""
SLOW = f"SELECT count(*), pg_sleep(0.3) FROM slow_thing WHERE text = '{SECRET}'"
GONE = "DROP TABLE IF EXISTS slow_thing, slow_owner; ALTER DATABASE plain RESET work_mem"
HOLDS = "BEGIN; LOCK TABLE slow_owner; SELECT pg_sleep(90)"
WAITS = f"SELECT id FROM slow_owner WHERE id::text = '{SECRET}'"
HELD = "wait_event = 'PgSleep' AND query LIKE '%slow_owner%'"
WAITED = "wait_event_type = 'Lock' AND query LIKE '%slow_owner%'"
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%slow_owner%'"


@pytest.fixture
def trouble(plain: Site) -> Iterator[None]:
    """A database with all that is to be found at rest."""
    plain.database.rows(GONE)
    for statement in TROUBLE.strip().split(";\n"):
        plain.database.rows(statement.rstrip(";"))
    plain.database.rows("VACUUM ANALYZE slow_thing")
    # Of what other tests have asked much more often, its share would be small.
    Database(plain.lab.db, "postgres").rows("SELECT pg_stat_statements_reset()")
    plain.database.rows(SLOW)
    yield
    plain.database.rows(GONE)


@contextlib.contextmanager
def waiting(site: Site) -> Iterator[None]:
    """A session that waits for another one, which nobody else may do meanwhile: a dump would wait as well."""
    psql = f"systemd-run --quiet --collect --uid postgres psql -X -d {site.name} -c"
    site.lab.db.run(f'cd / && {psql} "{HOLDS}" && {until(HELD)} && {psql} "{WAITS}" && {until(WAITED)}')
    try:
        yield
    finally:
        site.database.rows(ENDED)


def until(query: str) -> str:
    """A shell's word for: wait until there is such a session."""
    asked = f"runuser -u postgres -- psql -XAtc {shlex.quote(f'SELECT count(*) FROM pg_stat_activity WHERE {query}')}"
    return f"timeout 20 sh -c {shlex.quote(f'until [ $({asked}) -gt 0 ]; do sleep 0.1; done')}"


def test_a_diagnosis_names_what_costs_time_and_changes_nothing(plain: Site, trouble: None, tmp_path: Path) -> None:
    before = plain.database.shape
    report = tmp_path / "diagnosis.json"
    with waiting(plain):
        run = plain.play("diagnose", diagnose_path=str(report)).must_succeed()
    assert run.changed == 0, run
    assert plain.database.shape == before
    found = {(finding["subject"], finding["what"]): finding["advice"] for finding in only_host(report)["findings"]}

    def named(subject: str, *words: str) -> list[str]:
        return [advice for (about, what), advice in found.items() if about == subject and all(word in what for word in words)]

    assert named("slow queries", "of the time", "slow_thing"), run
    assert any("pg_terminate_backend" in advice for advice in named("locks", "waits", "slow_owner")), run
    assert named("bloat", "slow_thing", "is empty"), run
    assert named("unused indexes", "slow_thing_unused"), run
    assert named("missing indexes", "slow_thing (owner_id) refers to slow_owner"), run
    assert named("settings", "database plain", "work_mem = 7MB"), run
    assert "UNUSED INDEXES\n  slow_thing_unused of slow_thing" in run.output, run
    # What is in the rows is the site's own affair.
    assert SECRET not in run.output + report.read_text(), run


def test_a_new_server_counts_queries_from_its_start_and_waits_for_no_restart(plain: Site) -> None:
    # Where a restore was before this, its target counts as waiting, which means something at a start alone.
    waiting = "SELECT count(*) FROM pg_settings WHERE pending_restart AND name NOT LIKE 'recovery_target%'"
    assert plain.database.value(waiting) == "0"
    assert "pg_stat_statements" in plain.database.value("SHOW shared_preload_libraries")
    # A dump of the site has nothing of it: only a superuser could bring it back.
    assert "pg_stat_statements" not in plain.database.shape


def only_host(report: Path) -> dict[str, list[dict[str, str]]]:
    (said,) = json.loads(report.read_text())["hosts"].values()
    return dict(said)
