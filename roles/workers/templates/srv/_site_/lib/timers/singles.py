"""What the site's database knows of workers of which one alone may run in the whole fleet: who has the turn, and who had it.

A guard on each host asks for the turn. Whoever has it counts its `beat` up, and ends its program by its own clock when it could
not for `ALIVE_SECONDS`, counted from before it asked. Others take the turn when they have seen the same beat for `DEAD_SECONDS`
by theirs. So no two clocks are compared, and none of a database, which may be another server by now.

A turn that was given back is kept for its own host for a moment, where the next release is about to start; then others take it.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Any

from database import Database, Patience, create

# The sum of the first and `guard.WATCHDOG_SECONDS`, after which systemd ends a guard that hangs, is less than the second one.
ALIVE_SECONDS, DEAD_SECONDS = 6.0, 10.0
KEPT_SECONDS = 8.0
# Several attempts in the seconds after which a turn ends.
PATIENCE = Patience(connect_seconds=2, statement_seconds=2, answer_seconds=2.5)
KEPT_TERMS = 100
ASKED = "SELECT token, beat, place, process, result FROM hotclub.singles WHERE name = %s"
DONE, FAILED, LOST = "done", "failed", "lost"
TABLES = """
CREATE TABLE IF NOT EXISTS hotclub.singles (
    name text PRIMARY KEY,
    token text,
    beat bigint NOT NULL DEFAULT 0,
    place text NOT NULL DEFAULT '',
    process text NOT NULL DEFAULT '',
    host text NOT NULL DEFAULT '',
    release text NOT NULL DEFAULT '',
    began timestamptz,
    seen timestamptz,
    result text NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS hotclub.single_terms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    single text NOT NULL REFERENCES hotclub.singles ON DELETE CASCADE,
    host text NOT NULL,
    release text NOT NULL,
    began timestamptz NOT NULL,
    seen timestamptz NOT NULL,
    result text NOT NULL
);
"""


@dataclass(frozen=True)
class Claim:
    """Who asks for the turn of what."""

    name: str
    # For people.
    host: str
    release: str
    # The host, as no other one has it.
    place: str
    # The unit on this host since it booted: systemd starts it anew only when nothing is left of it.
    process: str

    def session(self, token: str) -> str:
        """Return how connections of the program are called in the database, in the 63 letters that it has for it."""
        return f"{self.sessions}{token[:12]}"

    @property
    def sessions(self) -> str:
        """What all of these names begin with."""
        return f"single {self.name} "


class Singles(Database):
    """One connection to it."""

    def __init__(self, address: str) -> None:
        super().__init__(address, PATIENCE)
        # The turn as it was last seen, and since when by the clock of this host.
        self._seen: tuple[Any, ...] = ()
        self._since = 0.0

    def prepare(self) -> None:
        """Create the tables where they are missing."""
        with self._transaction() as cursor:
            cursor.execute("SELECT to_regclass('hotclub.single_terms') IS NOT NULL")
            if not cursor.fetchone()[0]:
                create(cursor, TABLES)

    def take(self, claim: Claim) -> str | None:
        """Take the turn if nobody has it; asked again after an answer that was lost, it says the same.

        :returns: None when somebody has it. Else how the term before ended, with ``here `` before it where that was on this host.
        """
        with self._transaction() as cursor:
            # Who only looks locks nothing.
            if self._asked(cursor, claim, ASKED) is None:
                return None
            cursor.execute("INSERT INTO hotclub.singles (name) VALUES (%s) ON CONFLICT DO NOTHING", (claim.name,))
            found = self._asked(cursor, claim, f"{ASKED} FOR UPDATE")
            if found is None:
                return None
            token, place, result = found
            if token == self.token:
                return result
            ended = result if token is None else LOST
            cursor.execute(
                "INSERT INTO hotclub.single_terms (single, host, release, began, seen, result) "
                "SELECT name, host, release, began, seen, %s FROM hotclub.singles WHERE name = %s AND began IS NOT NULL",
                (ended, claim.name),
            )
            cursor.execute(
                "DELETE FROM hotclub.single_terms WHERE single = %s AND id NOT IN "
                "(SELECT id FROM hotclub.single_terms WHERE single = %s ORDER BY id DESC LIMIT %s)",
                (claim.name, claim.name, KEPT_TERMS),
            )
            before = f"here {ended}" if place == claim.place else ended
            cursor.execute(
                "UPDATE hotclub.singles SET token = %s, beat = beat + 1, place = %s, process = %s, host = %s, release = %s, "
                "began = clock_timestamp(), seen = clock_timestamp(), result = %s WHERE name = %s",
                (self.token, claim.place, claim.process, claim.host, claim.release, before, claim.name),
            )
            return before

    def _asked(self, cursor: Any, claim: Claim, statement: str) -> tuple[str | None, str, str] | None:
        """Return who had the turn, where, and how that ended; None when somebody has it."""
        cursor.execute(statement, (claim.name,))
        token, beat, place, process, result = cursor.fetchone() or (None, 0, "", "", "")
        if token == self.token or self._is_free((token, beat), place == claim.place, process == claim.process):
            return token, place, result
        return None

    def _is_free(self, turn: tuple[Any, ...], here: bool, mine: bool) -> bool:
        """Say whether a turn can be taken: nobody has it, or whoever had it has ended its program by now."""
        now = clock()
        if turn != self._seen:
            self._seen, self._since = turn, now
        token, beat = turn
        if token is None:
            return here or not beat or now - self._since >= KEPT_SECONDS
        return mine or now - self._since >= DEAD_SECONDS

    def wait_seconds(self, most: float) -> float:
        """Return after how long to ask again: others may be dead sooner."""
        return min(most, max(0.1, self._since + DEAD_SECONDS - clock()))

    def fence(self, claim: Claim) -> int:
        """Cut off what is left of programs that had the turn before: what they were about to write is not written.

        :returns: how many connections they had.
        """
        with self._transaction() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE starts_with(application_name, %s) "
                "AND application_name <> %s AND datname = current_database() AND pg_has_role(usesysid, 'USAGE')",
                (claim.sessions, claim.session(self.token)),
            )
            return int(cursor.fetchone()[0])

    def renew(self, claim: Claim) -> bool:
        """Keep the turn; false when somebody else has it."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE hotclub.singles SET beat = beat + 1, seen = clock_timestamp() WHERE name = %s AND token = %s",
                (claim.name, self.token),
            )
            return bool(cursor.rowcount)

    def give_back(self, claim: Claim, result: str) -> None:
        """Let others have the turn: at once when the program has failed, else after a moment for this host's next release."""
        with self._transaction() as cursor:
            cursor.execute(
                "UPDATE hotclub.singles SET token = NULL, beat = CASE WHEN %s THEN 0 ELSE beat + 1 END, "
                "seen = clock_timestamp(), result = %s WHERE name = %s AND token = %s",
                (result == FAILED, result, claim.name, self.token),
            )

    def look(self) -> dict[str, dict[str, Any]]:
        """Return who has each turn, since when, when it was last heard of, and the terms before, the last one first."""
        with self._transaction() as cursor:
            cursor.execute("SELECT to_regclass('hotclub.single_terms') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return {}
            cursor.execute(
                "SELECT name, token IS NOT NULL AND seen > clock_timestamp() - make_interval(secs => %s), clock_timestamp(), "
                "host, release, began, seen, result FROM hotclub.singles",
                (DEAD_SECONDS,),
            )
            found = {row[0]: seen_of(row[1:]) for row in cursor.fetchall()}
            for name, single in found.items():
                cursor.execute(
                    "SELECT host, release, began, seen, result FROM hotclub.single_terms WHERE single = %s "
                    "ORDER BY id DESC LIMIT 10",
                    (name,),
                )
                single["before"] = [term_of(row) for row in cursor.fetchall()]
            return found


def seen_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return what is known of a turn as others read it."""
    runs, now, *term = row
    return {"runs": bool(runs), "now": seconds(now), **term_of(tuple(term))}


def term_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a term as others read it, times in seconds since 1970."""
    host, release, began, seen, result = row
    return {"host": host, "release": release, "began": seconds(began), "seen": seconds(seen), "result": result}


def seconds(moment: datetime.datetime | None) -> float | None:
    """Return a moment in seconds since 1970."""
    return moment.timestamp() if moment else None


def clock() -> float:
    """Return seconds that go on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
