"""What the site's database knows of its timers: which moment was taken by whom, how it ended, and what is paused.

Whoever takes a moment locks the timer's row for a transaction, so that one host alone does, whatever lies between it and
PostgreSQL: a transaction is whole through any pool of connections, and outlives a failover as the site's own data do. A lock of a
session is neither, and nobody could tell its holder that it is gone. That a run is alive is a time stamp, which its host renews.
Who can't ends its command after `ALIVE_SECONDS` by its own clock; others take it for dead after `DEAD_SECONDS` by the database's,
so later.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from database import Database, RefusedError, create

ALIVE_SECONDS = 60.0
DEAD_SECONDS = 70
# A host whose clock is ahead would take what others are not allowed to take then.
AHEAD_SECONDS = 30
# A moment may be taken after a later one within these seconds; for as long, at least, is it known who has taken it.
LATE_SECONDS = 300
# Of those that ran, and as many of those that were left out, which may be many more.
KEPT_RUNS = 100
TABLES = """
CREATE TABLE IF NOT EXISTS hotclub.timers (
    name text PRIMARY KEY,
    taken timestamptz,
    paused timestamptz,
    paused_by text
);
CREATE TABLE IF NOT EXISTS hotclub.timer_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timer text NOT NULL REFERENCES hotclub.timers ON DELETE CASCADE,
    due timestamptz NOT NULL,
    host text NOT NULL,
    release text NOT NULL,
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz,
    result text NOT NULL,
    detail text NOT NULL DEFAULT '',
    UNIQUE (timer, due)
);
ALTER TABLE hotclub.timer_runs ADD COLUMN IF NOT EXISTS token text;
"""
RUNNING, WAITING, SKIPPED, TAKEN, PAUSED, LOST = "running", "waiting", "skipped", "taken", "paused", "lost"


@dataclass(frozen=True)
class Turn:
    """What came of taking a moment: ``running``, ``waiting``, ``skipped``, ``taken`` by another host, or ``paused``."""

    state: str
    number: int = 0


class Ledger(Database):
    """One connection to it."""

    def there(self) -> bool:
        """Say whether there are tables yet."""
        with self._transaction() as cursor:
            return is_there(cursor)

    def prepare(self) -> None:
        """Create the tables where they are missing, and what older ones lack."""
        with self._transaction() as cursor:
            if not is_whole(cursor):
                create(cursor, TABLES)

    def take(self, name: str, due: float, overlap: str, host: str, release: str, by_hand: bool = False) -> Turn:
        """Take a moment of a timer, unless somebody has.

        Asked again after an answer that was lost, it says the same.

        :param due: the moment, in seconds since 1970.
        :param overlap: what is done when an earlier run goes on: ``skip``, ``queue`` or ``allow``.
        :param by_hand: whether somebody asks for a run beside the calendar, which no pause stops.
        :raises RefusedError: the moment is in the future.
        :raises AwayError: nobody knows whether it was taken.
        """
        moment = utc(due)
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO hotclub.timers (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
            cursor.execute(
                "SELECT taken, paused IS NOT NULL, clock_timestamp() FROM hotclub.timers WHERE name = %s FOR UPDATE", (name,)
            )
            taken, paused, now = cursor.fetchone()
            if (moment - now).total_seconds() > AHEAD_SECONDS:
                raise RefusedError(f"The clock of {host} is ahead of the database's, which says {now}: nothing is run.")
            if own := self._own(cursor, name, moment):
                return own
            cursor.execute("SELECT FROM hotclub.timer_runs WHERE timer = %s AND due = %s", (name, moment))
            if cursor.fetchone() is not None:
                return Turn(TAKEN)
            if not by_hand:
                if paused:
                    return Turn(PAUSED)
                # On a busy host a later moment may come first. What is long ago, others have taken or left.
                if taken is not None and taken >= moment and (now - moment).total_seconds() > LATE_SECONDS:
                    return Turn(TAKEN)
                cursor.execute("UPDATE hotclub.timers SET taken = greatest(taken, %s) WHERE name = %s", (moment, name))
            state = self._state(cursor, name, overlap)
            cursor.execute(
                "INSERT INTO hotclub.timer_runs (timer, due, host, release, token, result, ended) "
                "VALUES (%s, %s, %s, %s, %s, %s, CASE WHEN %s THEN clock_timestamp() END) RETURNING id",
                (name, moment, host, release, self.token, state, state == SKIPPED),
            )
            (number,) = cursor.fetchone()
            cursor.execute(
                "DELETE FROM hotclub.timer_runs WHERE timer = %s AND ended IS NOT NULL AND due < clock_timestamp() - "
                "make_interval(secs => %s) AND id NOT IN (SELECT id FROM (SELECT id, row_number() OVER "
                "(PARTITION BY result = %s ORDER BY id DESC) AS place FROM hotclub.timer_runs WHERE timer = %s) AS kinds "
                "WHERE place <= %s)",
                (name, 2 * LATE_SECONDS, SKIPPED, name, KEPT_RUNS),
            )
            return Turn(state, number)

    def _own(self, cursor: Any, name: str, moment: datetime.datetime) -> Turn | None:
        """Return what this process was given of the same moment before, whether or not it heard of it; None for nothing."""
        cursor.execute(
            "UPDATE hotclub.timer_runs SET began = clock_timestamp(), seen = clock_timestamp() "
            "WHERE timer = %s AND due = %s AND token = %s AND (ended IS NULL OR result = %s) RETURNING result, id",
            (name, moment, self.token, SKIPPED),
        )
        row = cursor.fetchone()
        return Turn(*row) if row else None

    def _state(self, cursor: Any, name: str, overlap: str, number: int = 0) -> str:
        """Return what a run may do beside the others; those that are dead are told so."""
        cursor.execute(
            "UPDATE hotclub.timer_runs SET ended = seen, result = %s WHERE timer = %s AND ended IS NULL AND id <> %s "
            "AND seen < clock_timestamp() - make_interval(secs => %s)",
            (LOST, name, number, DEAD_SECONDS),
        )
        cursor.execute("SELECT result FROM hotclub.timer_runs WHERE timer = %s AND ended IS NULL AND id <> %s", (name, number))
        others = [result for (result,) in cursor.fetchall()]
        if overlap == "allow" or not others:
            return RUNNING
        if overlap == "skip" or (not number and WAITING in others):
            return SKIPPED
        return WAITING if RUNNING in others else RUNNING

    def begin(self, name: str, number: int, by_hand: bool = False) -> str:
        """Let a run that waits begin, once no other one runs, or leave it out, once the timer is paused.

        :param by_hand: whether somebody asks for a run beside the calendar, which no pause stops.
        :returns: ``running``, ``waiting`` or ``skipped``.
        :raises RefusedError: it was taken for dead meanwhile.
        """
        with self._transaction() as cursor:
            cursor.execute("SELECT paused IS NOT NULL FROM hotclub.timers WHERE name = %s FOR UPDATE", (name,))
            (paused,) = cursor.fetchone()
            state = SKIPPED if paused and not by_hand else self._state(cursor, name, "queue", number)
            cursor.execute(
                "UPDATE hotclub.timer_runs SET result = %s, seen = clock_timestamp(), "
                "began = CASE WHEN %s THEN clock_timestamp() ELSE began END, "
                "ended = CASE WHEN %s THEN clock_timestamp() END, detail = %s WHERE id = %s AND ended IS NULL",
                (state, state != WAITING, state == SKIPPED, "paused while it waited" if state == SKIPPED else "", number),
            )
            if not cursor.rowcount:
                raise RefusedError("It waited unseen for too long, and others take it for dead.")
            return state

    def renew(self, number: int) -> bool:
        """Show that a run is alive; false when it was taken for dead."""
        with self._transaction() as cursor:
            cursor.execute("UPDATE hotclub.timer_runs SET seen = clock_timestamp() WHERE id = %s AND ended IS NULL", (number,))
            return bool(cursor.rowcount)

    def end(self, number: int, result: str, detail: str) -> None:
        """Say how a run ended."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE hotclub.timer_runs SET ended = clock_timestamp(), seen = clock_timestamp(), result = %s, detail = %s "
                "WHERE id = %s AND ended IS NULL",
                (result, detail, number),
            )

    def pause(self, name: str, who: str) -> bool:
        """Have nothing begin any more; false when it was so already."""
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO hotclub.timers (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
            cursor.execute(
                "UPDATE hotclub.timers SET paused = clock_timestamp(), paused_by = %s WHERE name = %s AND paused IS NULL",
                (who, name),
            )
            return bool(cursor.rowcount)

    def resume(self, name: str) -> bool:
        """Have it run again, without what was due meanwhile; false when it was not paused."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE hotclub.timers SET paused = NULL, paused_by = NULL, taken = greatest(taken, clock_timestamp()) "
                "WHERE name = %s AND paused IS NOT NULL",
                (name,),
            )
            return bool(cursor.rowcount)

    def timers(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each timer."""
        with self._transaction() as cursor:
            cursor.execute("SELECT name, taken, paused, paused_by FROM hotclub.timers")
            return {
                name: {"taken": seconds(taken), "paused": seconds(paused), "paused_by": who or ""}
                for name, taken, paused, who in cursor.fetchall()
            }

    def runs(self, name: str, count: int) -> list[dict[str, Any]]:
        """Return the last runs of a timer, the newest first."""
        return self._runs(name, count)

    def last(self, name: str) -> dict[str, Any]:
        """Return the last run of a timer that has ended, whichever way; empty where there is none."""
        return next(iter(self._runs(name, 1, without=(RUNNING, WAITING, SKIPPED))), {})

    def run(self, name: str, due: float) -> dict[str, Any]:
        """Return the run of one moment, in seconds since 1970; empty where there is none."""
        return next(iter(self._runs(name, 1, due=utc(due))), {})

    def _runs(
        self, name: str, count: int, without: tuple[str, ...] = ("",), due: datetime.datetime | None = None
    ) -> list[dict[str, Any]]:
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT due, host, release, began, ended, result, detail FROM (SELECT id, due, host, release, began, ended, "
                "CASE WHEN ended IS NULL AND seen < clock_timestamp() - make_interval(secs => %s) THEN %s ELSE result END "
                "AS result, detail FROM hotclub.timer_runs WHERE timer = %s) AS runs "
                "WHERE result NOT IN %s AND coalesce(due = %s, true) ORDER BY id DESC LIMIT %s",
                (DEAD_SECONDS, LOST, name, without, due, count),
            )
            return [run_of(row) for row in cursor.fetchall()]


def is_there(cursor: Any) -> bool:
    """Say whether there are tables yet."""
    cursor.execute("SELECT to_regclass('hotclub.timer_runs') IS NOT NULL")
    return bool(cursor.fetchone()[0])


def is_whole(cursor: Any) -> bool:
    """Say whether the tables have all that they need."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('hotclub.timer_runs') AND attname = 'token')"
    )
    return bool(cursor.fetchone()[0])


def run_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a run as others read it, times in seconds since 1970."""
    due, host, release, began, ended, result, detail = row
    took = max(0.0, (ended - began).total_seconds()) if ended else None
    found: Mapping[str, Any] = {"due": seconds(due), "began": seconds(began), "ended": seconds(ended), "seconds": took}
    return {**found, "host": host, "release": release, "result": result, "detail": detail}


def utc(moment: float) -> datetime.datetime:
    """Return a moment as PostgreSQL is told it."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)


def seconds(moment: datetime.datetime | None) -> float | None:
    """Return a moment in seconds since 1970."""
    return moment.timestamp() if moment else None
