# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One session with a server: a script for psql on its standard input, so that no value is in the list of processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, present_port

ANSWER = "answer: "
STEP = "step: "
# Of what the server says only errors count: a warning about a locale must not look like an answer.
OPTIONS = "-c client_min_messages=error -c standard_conforming_strings=on"
# Nothing of the session is logged: a verifier is no password, but nobody needs it either.
QUIETLY = "set log_statement = 'none'; set log_min_error_statement = 'panic'; set log_min_duration_statement = -1;"
COMPLAINT = re.compile(r"^psql:[^ ]*: (?:(?:ERROR|FATAL): +)?|^psql: (?:error: )?", re.MULTILINE)


class Talk(Protocol):
    """Runs a program with a text for its standard input; returns its exit code and what it printed, errors last."""

    def __call__(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        """Run the program."""


@dataclass(frozen=True)
class Spoken:
    """How a session went."""

    succeeded: bool
    answers: tuple[Any, ...]
    # The step at which it ended, counted from 0; -1 before the first.
    last_step: int
    complaint: str


def speak(cluster: Cluster, talk: Talk, script: Iterable[str]) -> Spoken:
    """Have psql run a script as the server's own account, until the first error."""
    address = f"port={present_port(cluster)} dbname=postgres client_encoding=UTF8 options='{OPTIONS}'"
    command = ["runuser", "-u", "postgres", "--", f"{cluster.programs}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1"]
    code, output = talk([*command, "-v", "VERBOSITY=terse", "-d", address, "-f", "-"], data="\n".join(script) + "\n")
    lines = output.splitlines()
    steps = [int(line.removeprefix(STEP)) for line in lines if line.startswith(STEP)]
    said = "\n".join(line for line in lines if not line.startswith((ANSWER, STEP)))
    return Spoken(
        succeeded=code == 0,
        answers=tuple(json.loads(line.removeprefix(ANSWER)) for line in lines if line.startswith(ANSWER)),
        last_step=max(steps, default=-1),
        complaint=COMPLAINT.sub("", said).strip() or f"psql ended with {code}",
    )


# --- the words of a script


def answer(expression: str) -> str:
    """Return the query that answers with a value of the type jsonb."""
    return f"select {literal(ANSWER)} || ({expression})::jsonb::text;"


def step(number: int) -> str:
    """Return the line by which a session tells that it begins a step."""
    return f"\\echo '{STEP}{number}'"


def connect(database: str) -> str:
    """Return the line by which a session goes over to another database of the server."""
    # psql reads it in double quotes, and libpq what is in them: the value of one of its words.
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    return "\\connect -reuse-previous=on " + identifier(f"dbname='{value}'")


def identifier(name: str) -> str:
    """Return a name as SQL has it in quotes."""
    return '"' + _whole(name).replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL has it in quotes, whatever the server takes a backslash for."""
    quoted = "'" + _whole(text).replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def _whole(text: str) -> str:
    if re.search(r"[\0\r\n]", text):
        raise PostgresqlError(f"{text!r} can't be a value or name in PostgreSQL: write it without a line break.")
    return text
