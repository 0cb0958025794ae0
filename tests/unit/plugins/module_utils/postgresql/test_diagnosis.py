"""What is made of a server's answers: which of them are worth a line, and what is never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import diagnosis, session
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import PostgresqlError

MEBI = 1024 * 1024
QUIET = {
    "is_copy": False,
    "since": "2026-11-01 00:00",
    "connections": 3,
    "max_connections": 200,
    "waiting": [],
    "transactions": [],
    "prepared": [],
    "slots": [],
    "age": 1000,
    "settings": {},
    "overridden": [],
}
EMPTY = {"bytes": 12 * MEBI, "tables": [], "indexes": [], "keys": []}
TABLE = {
    "name": "shop_order",
    "rows": 100_000,
    "dead": 0,
    "seq_scan": 2,
    "seq_tup_read": 200_000,
    "idx_scan": 5000,
    "bytes": 20 * MEBI,
    "tuples": 100_000,
    "width": 150,
    "fill": 100,
}
INDEX = {"name": "by_note", "table": "shop_order", "bytes": 9 * MEBI, "scans": 0, "valid": True, "needed": False}
KEY = {"name": "k", "table": "shop_order", "refers_to": "shop_user", "tuples": 50_000, "columns": "user_id"}
QUERY = {"query": "SELECT 1", "calls": 10, "mean_ms": 2.0, "rows": 10, "total_ms": 20.0, "share": 0.5, "blocks": 20}


class Host:
    """A host with a server that answers as told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.server: dict[str, Any] = QUIET
        self.there: dict[str, Any] | None = EMPTY
        self.counted: list[dict[str, Any]] | None = []
        self.script = ""
        self.write("etc/postgresql/17/main/postgresql.conf", "")
        self.write("etc/postgresql/17/main/conf.d/hotclub.conf", "work_mem = '8MB'\nmax_connections = '200'\n")
        self.write("var/lib/postgresql/17/main/postmaster.pid", "1\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        self.script = data or ""
        answers = [self.server, None if self.counted is None else {"statements": self.counted}, self.there]
        return 0, "".join(f"{session.ANSWER}{json.dumps(said)}\n" for said in answers if said is not None)

    def findings(self) -> list[diagnosis.Finding]:
        said = diagnosis.diagnose("", "shop", self.run, str(self.root))
        return [diagnosis.Finding(**finding) for finding in said["findings"]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def only(found: list[diagnosis.Finding]) -> diagnosis.Finding:
    assert len(found) == 1, found
    assert found[0].advice
    return found[0]


def test_a_database_that_is_well_has_nothing_to_tell(host: Host) -> None:
    needed = INDEX | {"needed": True}
    used = INDEX | {"scans": 3}
    small = INDEX | {"bytes": 8192}
    host.there = EMPTY | {"tables": [TABLE], "indexes": [needed, used, small], "keys": [KEY | {"tuples": 20}]}

    assert host.findings() == []


def test_a_session_that_looks_can_change_nothing(host: Host) -> None:
    host.findings()

    sessions = host.script.split("\\connect")
    assert len(sessions) == 2
    assert all("default_transaction_read_only = on" in part and "statement_timeout" in part for part in sessions)


def test_a_server_that_counts_no_queries_says_how_it_would(host: Host) -> None:
    host.counted = None

    found = only(host.findings())
    assert found.subject == "slow queries"
    assert "site.yml" in found.advice and "postgresql_restart_allowed" in found.advice


@pytest.mark.parametrize(
    ("query", "advice"),
    [
        ({}, "select_related"),
        ({"mean_ms": 400.0, "blocks": 90_000}, "index what it filters by"),
        ({"mean_ms": 400.0, "rows": 100_000, "blocks": 900}, "fewer"),
        ({"mean_ms": 400.0, "rows": 100, "blocks": 90}, "EXPLAIN"),
    ],
)
def test_advice_on_a_query_follows_from_what_it_reads_and_returns(host: Host, query: dict[str, Any], advice: str) -> None:
    host.counted = [QUERY | query, QUERY | {"share": 0.005}]

    found = only(host.findings())
    assert found.what.startswith("50% of the time: 10 times, ")
    assert advice in found.advice


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("SELECT * FROM t\n  WHERE name = 'it''s me' AND n = 42", "SELECT * FROM t WHERE name = ? AND n = ?"),
        ("SELECT $1, t1.a2 FROM t1 LIMIT $2", "SELECT $1, t1.a2 FROM t1 LIMIT $2"),
        ("SELECT E'a\\'; b' , $$ a secret $$, $x$ 'another' $x$, -1.5", "SELECT ? , ?, ?, ?"),
        ("SELECT $cut$ off in the midd", "SELECT ?"),
        ("SELECT 'cut off in the midd", "SELECT ?"),
        ("SELECT 'a", "SELECT ?"),
    ],
)
def test_values_are_not_shown(query: str, shown: str) -> None:
    assert diagnosis.masked(query) == shown


def test_who_waits_is_named_with_whom_for(host: Host) -> None:
    waits = {"pid": 11, "seconds": 7, "query": "UPDATE a SET b = 'x'", "by": 12, "by_state": "idle in transaction"}
    host.server = QUIET | {"waiting": [waits | {"by_query": "LOCK a", "by_account": "shop", "by_seconds": 90}]}

    found = only(host.findings())
    assert found.what == "11 waits 7 s for 12 (shop, idle in transaction): UPDATE a SET b = ?"
    assert "pg_terminate_backend(12)" in found.advice


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"prepared": [{"name": "x", "seconds": 7200}]}, "prepared transaction x is 120 min old"),
        ({"slots": [{"name": "gone", "bytes": 512 * MEBI}]}, "slot gone has no reader, and keeps 512 MiB"),
        ({"age": 900_000_000}, "900 million"),
    ],
)
def test_what_keeps_the_past_is_named(host: Host, server: dict[str, Any], words: str) -> None:
    host.server = QUIET | server

    found = only(host.findings())
    assert found.subject == "transactions" and words in found.what


@pytest.mark.parametrize(("seconds", "told"), [(5, False), (61, True)])
def test_only_an_old_transaction_is_named(host: Host, seconds: int, told: bool) -> None:
    session_ = {"pid": 1, "state": "idle in transaction", "account": "shop", "database": "shop", "query": "SELECT 1"}
    host.server = QUIET | {"transactions": [session_ | {"seconds": seconds}]}

    found = host.findings()
    assert bool(found) is told
    assert all("atomic()" in finding.advice for finding in found)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"bytes": 60 * MEBI}, "is empty"),
        ({"dead": 60_000}, "60000 of 160000 rows are dead"),
        ({"seq_scan": 9000, "seq_tup_read": 900_000_000}, "read as a whole 9000 times, 100000 rows each time"),
    ],
)
def test_a_table_that_costs_is_named(host: Host, table: dict[str, Any], words: str) -> None:
    host.there = EMPTY | {"tables": [TABLE | table]}

    assert words in only(host.findings()).what


def test_a_table_of_which_there_are_no_statistics_is_not_called_empty() -> None:
    assert diagnosis.wasted_share(TABLE | {"tuples": -1}) == 0
    assert diagnosis.wasted_share(TABLE | {"width": None}) == 0


def test_indexes_too_many_and_too_few_are_named(host: Host) -> None:
    host.there = EMPTY | {"indexes": [INDEX, INDEX | {"name": "half", "valid": False}], "keys": [KEY]}

    half, unused, missing = host.findings()
    assert "half of shop_order is invalid" in half.what
    assert "by_note of shop_order, 9 MiB: not used since 2026-11-01 00:00" in unused.what
    assert "shop_order (user_id) refers to shop_user without an index" in missing.what


def test_settings_that_are_not_as_given_are_named_with_both_values(host: Host) -> None:
    ours = str(host.root / "etc/postgresql/17/main/conf.d/hotclub.conf")
    host.server = QUIET | {
        "settings": {
            "work_mem": {"value": "1GB", "file": "/var/lib/postgresql/17/main/postgresql.auto.conf", "waits": False},
            "max_connections": {"value": "100", "file": ours, "waits": True},
            "jit": {"value": "off", "file": ours, "waits": False},
        },
        "overridden": [{"whose": "account shop", "setting": "statement_timeout=5s"}],
    }

    waiting, other, own = host.findings()
    assert waiting.what == "max_connections is 100, and will be 200" and "postgresql_restart_allowed" in waiting.advice
    assert other.what.startswith("work_mem is 1GB by ") and other.what.endswith("the inventory means 8MB")
    assert own.what == "the account shop has statement_timeout = 5s of its own"


def test_a_host_without_a_server_says_so(host: Host) -> None:
    (host.root / "var/lib/postgresql/17/main/postmaster.pid").unlink()

    with pytest.raises(PostgresqlError, match="No PostgreSQL runs on"):
        host.findings()


def test_a_database_that_is_not_there_is_named(host: Host) -> None:
    host.there = None

    with pytest.raises(PostgresqlError, match="no database shop"):
        host.findings()
