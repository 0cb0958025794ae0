"""What timers say to the database, and what they make of its answers."""

from __future__ import annotations

import datetime
import importlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.roles.workers.program import database as connection
from tests.unit.roles.workers.program import ledger

NOON = 1_800_014_400
NOW = datetime.datetime.fromtimestamp(NOON + 1, datetime.UTC)


class DatabaseError(Exception):
    """As psycopg2 raises it."""

    def __init__(self, said: str, pgcode: str | None = None) -> None:
        super().__init__(said)
        self.pgcode = pgcode


class Database:
    """Answers statements by a part of their text, and keeps what it was told."""

    Error = DatabaseError

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[Any, ...]]] = {}
        self.failures: dict[str, DatabaseError] = {}
        self.told: list[str] = []
        # Commits whose acknowledgement is lost.
        self.lost = 0
        self.ways = socket.socketpair()

    def connect(self, **_: Any) -> Connection:
        return Connection(self)

    def said(self, part: str) -> list[str]:
        return [statement for statement in self.told if part in statement]


class Connection:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._way, _server = database.ways

    def fileno(self) -> int:
        return self._way.fileno()

    def set_session(self, **_: Any) -> None: ...

    def close(self) -> None: ...

    def cursor(self) -> Cursor:
        return Cursor(self._database)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        if self._database.lost:
            self._database.lost -= 1
            raise DatabaseError("server closed the connection unexpectedly")


class Cursor:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self._database.told.append(statement % values if values else statement)
        for part, failure in self._database.failures.items():
            if part in statement:
                raise failure
        self._rows = next((rows for part, rows in self._database.answers.items() if part in statement), [])

    @property
    def rowcount(self) -> int:
        return len(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    there: Any = Database()
    there.answers = {"SELECT taken, paused": [(None, False, NOW)], "RETURNING id": [(7,)]}
    monkeypatch.setattr(importlib, "import_module", lambda name: there)
    yield there
    for way in there.ways:
        way.close()


def opened() -> Any:
    return ledger.Ledger("postgres://shop@db/shop")


def taken(asking: Any, by_hand: bool = False) -> Any:
    return asking.take("tidy", float(NOON), "skip", "app1", "r", by_hand)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_moment_whose_acknowledgement_was_lost_is_still_this_host_s_turn(database: Database, by_hand: bool) -> None:
    asking = opened()
    database.lost = 1
    with pytest.raises(connection.AwayError):
        taken(asking, by_hand)
    [written] = database.said("INSERT INTO hotclub.timer_runs")
    assert asking.token in written

    database.answers["AND token = "] = [("running", 7)]
    assert taken(asking, by_hand) == ledger.Turn("running", 7)
    assert f"AND token = {asking.token}" in database.said("AND token = ")[-1]
    assert len(database.said("INSERT INTO hotclub.timer_runs")) == 1


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_moment_that_another_process_has_is_taken(database: Database, by_hand: bool) -> None:
    assert opened().token != opened().token
    database.answers["SELECT FROM hotclub.timer_runs WHERE timer = %s AND due"] = [()]
    assert taken(opened(), by_hand) == ledger.Turn("taken")


def test_tables_that_are_there_get_what_they_lack(database: Database) -> None:
    database.answers["attname = 'token'"] = [(False,)]
    opened().prepare()
    assert database.said("ADD COLUMN IF NOT EXISTS token")
    database.told.clear()
    database.answers["attname = 'token'"] = [(True,)]
    opened().prepare()
    assert not database.said("ALTER TABLE")


def test_what_was_left_out_hides_no_run_and_removes_none(database: Database) -> None:
    row = (NOW, "app1", "r", NOW, NOW, "failed", "exit status 3")
    database.answers["FROM hotclub.timer_runs"] = [row]
    assert opened().last("tidy")["result"] == "failed"
    assert "result NOT IN ('running', 'waiting', 'skipped') AND" in database.told[-1]
    assert opened().run("tidy", NOON + 0.123456)["detail"] == "exit status 3"
    assert "due = 2027-01-15 12:00:00.123456+00:00, true) ORDER BY" in database.told[-1]
    database.answers = {"SELECT taken, paused": [(None, False, NOW)], "RETURNING id": [(7,)]}
    taken(opened())
    [pruning] = database.said("DELETE FROM hotclub.timer_runs")
    assert "PARTITION BY result = skipped" in pruning


def test_a_server_that_never_answers_is_waited_for_only_so_long() -> None:
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(10)
        with connection.limited(here, 0.1):
            assert here.recv(1) == b""
        # What has answered meanwhile stays open.
    here, there = socket.socketpair()
    with here, there:
        with connection.limited(here, 0.1):
            pass
        time.sleep(0.3)
        there.send(b"x")
        assert here.recv(1) == b"x"


@pytest.mark.parametrize(("by_hand", "state"), [(False, "skipped"), (True, "running")])
def test_a_pause_holds_for_a_run_that_waits_unless_somebody_asked_for_it(database: Database, by_hand: bool, state: str) -> None:
    database.answers = {"SELECT paused IS NOT NULL": [(True,)], "UPDATE hotclub.timer_runs SET result": [()]}
    assert opened().begin("tidy", 7, by_hand) == state
    assert "FOR UPDATE" in database.said("SELECT paused")[0]
    database.answers["SELECT paused IS NOT NULL"] = [(False,)]
    assert opened().begin("tidy", 7) == "running"


def test_an_account_that_lacks_a_right_is_told_so_and_asks_for_none_that_it_does_not_need(database: Database) -> None:
    database.answers["attname = 'token'"] = [(False,)]
    opened().prepare()
    [tables] = database.said("CREATE SCHEMA")
    assert "IF to_regnamespace('hotclub') IS NULL THEN CREATE SCHEMA hotclub" in tables
    database.failures["CREATE SCHEMA"] = DatabaseError("permission denied for database shop", "42501")
    with pytest.raises(connection.RefusedError, match=r"permission denied for database shop.*Grant it CREATE on the database"):
        opened().prepare()
    database.failures["CREATE SCHEMA"] = DatabaseError("the database system is starting up", "57P03")
    with pytest.raises(connection.AwayError, match="starting up"):
        opened().prepare()
