"""Writes rows on a host for as long as it is let, each in a transaction of its own, and notes those that were acknowledged.

Where the host has a way to copies (DATABASE_REPLICA_URL), it reads there as well.

Runs with what the host has: the site's Python on an application host, Patroni's on a database host.

    python3 writer.py <connection, - for DATABASE_URL> <notes> <name> <sessions> <pause in milliseconds>
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

try:
    import psycopg as driver  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    import psycopg2 as driver  # type: ignore[import-untyped,import-not-found,no-redef,unused-ignore]

INSERT = "INSERT INTO acknowledged (writer, number) VALUES (%s, %s) RETURNING coalesce(host(inet_server_addr()), '')"


def write(connection: str, notes: Any, name: str, pause: float) -> None:
    """Write and note, over one connection for as long as it lasts; each failure is noted as well."""
    number, session = 0, None
    while True:
        number += 1
        begin = time.time()
        try:
            if session is None:
                session = driver.connect(connection, connect_timeout=5)
            with session.cursor() as cursor:
                cursor.execute(INSERT, (name, number))
                server = cursor.fetchone()[0]
                session.commit()
            notes.write(f"{name} {number} {begin:.3f} {time.time():.3f} {server or '-'}\n")
        except driver.Error as problem:
            words = " ".join(str(problem).split())[:120]
            notes.write(f"! {name} {begin:.3f} {time.time():.3f} {words}\n")
            if session is not None and (session.closed or "read-only" in words):
                # As a project does with a connection that failed.
                session.close()
                session = None
            elif session is not None:
                session.rollback()
            # A copy is asked by its own writer for as long as it is one.
            time.sleep(0.5 if "read-only" in words else 0.1)
        time.sleep(pause)


def keep(connection: str, notes: Any) -> None:
    """Keep a session for as long as it is let, and note each time that its server says that it takes no writes."""
    session = None
    while True:
        try:
            if session is None:
                session = driver.connect(connection, connect_timeout=5)
                session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                if cursor.fetchone()[0]:
                    notes.write(f"= kept {time.time():.3f}\n")
        except driver.Error:
            session = None
        time.sleep(0.1)


def read(connection: str, notes: Any) -> None:
    """Read by a new connection each time, for as long as it is let; note each failure, and each second how often it went well."""
    answered, second = 0, int(time.time())
    while True:
        begin = time.time()
        try:
            session = driver.connect(connection, connect_timeout=30)
            with session.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM acknowledged")
                cursor.fetchone()
            session.close()
            answered += 1
        except driver.Error as problem:
            notes.write(f"? {begin:.3f} {time.time():.3f} {' '.join(str(problem).split())[:120]}\n")
        if int(time.time()) > second:
            notes.write(f"+ {answered}\n")
            answered, second = 0, int(time.time())
        time.sleep(0.02)


def main() -> None:
    connection, path, name, sessions, pause = sys.argv[1:]
    copies = os.environ.get("DATABASE_REPLICA_URL", "") if connection == "-" else ""
    connection = os.environ["DATABASE_URL"] if connection == "-" else connection
    with Path(path).open("w", buffering=1, encoding="utf-8") as notes:
        for session in range(int(sessions)):
            arguments = (connection, notes, f"{name}-{session}", int(pause) / 1000)
            threading.Thread(target=write, args=arguments, daemon=True).start()
        threading.Thread(target=keep, args=(connection, notes), daemon=True).start()
        if copies:
            threading.Thread(target=read, args=(copies, notes), daemon=True).start()
        threading.Event().wait()


if __name__ == "__main__":
    main()
