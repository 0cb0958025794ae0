"""A site's database, seen by its administrator on the database host."""

from __future__ import annotations

import shlex

from tests.behaviour.kit.lab import Machine


class Database:
    def __init__(self, machine: Machine, name: str) -> None:
        self.machine = machine
        self.name = name

    def rows(self, query: str) -> list[list[str]]:
        command = f"psql --no-psqlrc --tuples-only --no-align --field-separator '\t' --dbname {self.name}"
        output = self.machine.run(f"cd / && runuser -u postgres -- {command} --command {shlex.quote(query)}")
        return [line.split("\t") for line in output.splitlines()]

    def value(self, query: str) -> str:
        rows = self.rows(query)
        assert len(rows) == 1 and len(rows[0]) == 1, f"{query} gave {rows}"
        return rows[0][0]

    def texts(self, query: str) -> list[str]:
        return [row[0] for row in self.rows(query)]

    def told_to(self, account: str, password: str) -> str:
        """What psql says to a connection over TCP with this password; the account as which it acts when it is let in."""
        command = f"psql -XAtw -h 127.0.0.1 -U {account} -d {self.name} -c 'SELECT current_user' 2>&1 || true"
        return self.machine.run(f"PGPASSWORD={shlex.quote(password)} {command}")

    @property
    def shape(self) -> str:
        """Tables and applied migrations: what a failed deploy must not have changed."""
        # Newer servers write a random word into each dump.
        dump = f"cd / && runuser -u postgres -- pg_dump --schema-only --dbname {self.name} | grep -vE '^(\\\\(un)?restrict|--)'"
        migrations = self.texts("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        return "\n".join([*migrations, self.machine.run(dump)])
