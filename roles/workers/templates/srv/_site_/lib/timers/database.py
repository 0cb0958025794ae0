"""One connection to the site's database, through whatever lies between: each transaction is whole, and none waits for ever."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

CONNECTING = {
    "tcp_user_timeout": 10000,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}
# Within each transaction, so that a pool of connections may lie between. What was taken must outlive the server. A host that is
# paused in the middle of one must not keep others waiting.
EACH_TIME = (
    "SET LOCAL statement_timeout = '{0}s'; SET LOCAL lock_timeout = '{0}s'; "
    "SET LOCAL idle_in_transaction_session_timeout = '{0}s'; SET LOCAL synchronous_commit = on"
)
# By SQLSTATE: the account may not.
FORBIDDEN = "42501"
SCHEMES = ("postgres", "postgresql", "postgis", "psql", "pgsql")
# What an address may say to libpq besides; projects add words of their own.
SAID_TO_LIBPQ = ("host", "port", "user", "password", "dbname", "target_session_attrs")
# By itself, IF NOT EXISTS would ask for the right to create one where it is there.
SCHEMA = "DO $$ BEGIN IF to_regnamespace('hotclub') IS NULL THEN CREATE SCHEMA hotclub; END IF; END $$;"


@dataclass(frozen=True)
class Patience:
    """How long the database is waited for."""

    connect_seconds: int = 5
    # PostgreSQL itself ends each statement after these.
    statement_seconds: int = 10
    # A transaction that hears nothing for so long is broken off.
    answer_seconds: float = 20.0


class AwayError(Exception):
    """The database can't be asked now."""


class RefusedError(Exception):
    """The database says that this must not be."""


def parameters(address: str) -> dict[str, Any]:
    """Return how libpq is told what a project reads from DATABASE_URL.

    :raises RefusedError: it names no PostgreSQL.
    """
    parts = urlsplit(address)
    if parts.scheme.partition("+")[0] not in SCHEMES:
        raise RefusedError("DATABASE_URL of the site names no PostgreSQL, which timers and single workers need.")
    said = {
        "host": unquote(parts.hostname or ""),
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path[1:]),
    }
    more = {name: value for name, value in parse_qsl(parts.query) if name in SAID_TO_LIBPQ or name.startswith("ssl")}
    return {**CONNECTING, **{name: value for name, value in said.items() if value}, **more}


class Database:
    """One connection to it, which is opened again where it broke."""

    def __init__(self, address: str, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._parameters = {"connect_timeout": self._patience.connect_seconds, **parameters(address)}
        self._psycopg = importlib.import_module("psycopg2")
        self._connection: Any = None
        # By which a process knows the rows that it has written, also when nobody told it that they were committed.
        self.token = uuid.uuid4().hex

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Any]:
        try:
            if self._connection is None:
                self._connection = self._psycopg.connect(application_name="timers of the site", **self._parameters)
                self._connection.set_session(isolation_level="READ COMMITTED", readonly=False)
            with limited(self._connection, self._patience.answer_seconds), self._connection, self._connection.cursor() as cursor:
                cursor.execute(EACH_TIME.format(self._patience.statement_seconds))
                yield cursor
        except self._psycopg.Error as error:
            self.close()
            said = " ".join(str(error).split())
            if error.pgcode == FORBIDDEN:
                raise RefusedError(
                    f"The account of DATABASE_URL may not do what timers and single workers need ({said}). Grant it CREATE on "
                    "the database, or create the schema hotclub and make the account its owner."
                ) from error
            raise AwayError(said) from error

    def close(self) -> None:
        """Give the connection back."""
        with contextlib.suppress(self._psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None


def create(cursor: Any, tables: str) -> None:
    """Create tables in the schema that is ours; of several that come at once, one does."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('hotclub.timers'))")
    cursor.execute(SCHEMA + tables)


@contextlib.contextmanager
def limited(connection: Any, seconds: float) -> Iterator[None]:
    """Close the way to a server that doesn't answer: libpq itself would wait for ever."""
    with socket.socket(fileno=os.dup(connection.fileno())) as way:
        watch = threading.Timer(seconds, shut, [way])
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()


def shut(way: socket.socket) -> None:
    """End what is said and heard by a connection, also by others that hold it."""
    with contextlib.suppress(OSError):
        way.shutdown(socket.SHUT_RDWR)
