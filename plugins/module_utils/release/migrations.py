# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What pending migrations do to a database that serves, as squawk reads their SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import Virtualenvs

LOCKS, REWRITES, DESTROYS, BREAKS = "locks", "rewrites", "destroys", "breaks"
# Of squawk's rules, those about a database that serves, and what is done about it in Django; the others are about style.
RULES = {
    "require-concurrent-index-creation": (LOCKS, "writes wait for the index: use AddIndexConcurrently, with atomic = False"),
    "require-concurrent-index-deletion": (
        LOCKS,
        "all wait while it goes: use RemoveIndexConcurrently, with atomic = False",
    ),
    "adding-foreign-key-constraint": (
        LOCKS,
        "writes to both tables wait while rows are compared: add the field with db_constraint=False, the constraint NOT VALID",
    ),
    "constraint-missing-not-valid": (
        LOCKS,
        "writes wait while all rows are checked: use AddConstraintNotValid, and ValidateConstraint in a later migration",
    ),
    "disallowed-unique-constraint": (
        LOCKS,
        "all wait while the constraint's index is built: build a unique index CONCURRENTLY, and the constraint from it",
    ),
    "adding-not-nullable-field": (
        LOCKS,
        "all wait while every row is read: add a check constraint NOT VALID and validate it in a migration before this one",
    ),
    "adding-serial-primary-key-field": (REWRITES, "the table is written anew while all wait: do it at a quiet time"),
    "adding-field-with-default": (
        REWRITES,
        "the table is written anew for a default that differs by row: add the field with null=True, and fill it in batches",
    ),
    "changing-column-type": (
        REWRITES,
        "the table is written anew while all wait, unless the type only widens: add a field beside it, and move over",
    ),
    "ban-drop-column": (
        DESTROYS,
        "its values go, and the code that serves asks for it: deploy code without the field first, and this with a later release",
    ),
    "ban-drop-table": (
        DESTROYS,
        "its rows go, and the code that serves asks for it: deploy code without the model first, and this with a later release",
    ),
    "ban-drop-database": (DESTROYS, "all in it goes"),
    "ban-truncate-cascade": (DESTROYS, "its rows go, and those of all tables that refer to it"),
    "renaming-column": (BREAKS, "the code that serves asks for the former name: keep it with db_column"),
    "renaming-table": (BREAKS, "the code that serves asks for the former name: keep it with db_table"),
    "ban-drop-default": (BREAKS, "the code that serves can't insert rows: give the field db_default or null=True"),
    "adding-required-field": (BREAKS, "the code that serves can't insert rows: give the field db_default or null=True"),
}
SYNTAX = "syntax-error"
CREATED = re.compile(r'^CREATE TABLE "([^"]+)"', re.MULTILINE)
ALTERED = re.compile(r'\b(?:TABLE|ON)(?: IF EXISTS)? "([^"]+)"')
# What is no statement: comments, and the frame of a transaction.
IDLE = re.compile(r"\s*(?:--.*|BEGIN;|COMMIT;)?\s*")
LENGTH = 120
SECONDS = 60.0
WHAT = "squawk, which reads migrations,"


@dataclass(frozen=True)
class Finding:
    """A statement of a migration that hurts a database that serves."""

    migration: str
    kind: str
    statement: str
    advice: str
    rule: str


@dataclass(frozen=True)
class Script:
    """The SQL of migrations as one text, and in which line each of them begins."""

    text: str
    beginnings: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, steps: Iterable[Mapping[str, Any]]) -> Script:
        """Put the migrations' SQL together in their order, so that what one makes is known of those after it."""
        lines: list[str] = []
        beginnings = []
        for step in steps:
            beginnings.append((len(lines), str(step["name"])))
            lines += "\n".join(step["sql"]).splitlines()
        return cls("\n".join(lines) + "\n", tuple(beginnings))

    @property
    def is_idle(self) -> bool:
        """Whether it has the database do nothing."""
        return all(IDLE.fullmatch(line) for line in self.text.splitlines())

    def migration_at(self, line: int) -> str:
        """Return the migration to which a line belongs, counted from 0."""
        return [name for beginning, name in self.beginnings if beginning <= line][-1]

    def statement(self, first: int, last: int) -> str:
        """Return the statement in these lines, as it is shown."""
        words = self.words(first, last)
        return words if len(words) <= LENGTH else f"{words[:LENGTH]}…"

    def words(self, first: int, last: int) -> str:
        """Return all of the statement in these lines, in one."""
        return " ".join(" ".join(self.text.splitlines()[first : last + 1]).split())


def looked_through(
    site: Site, virtualenvs: Virtualenvs, plan: Mapping[str, Any], requirements: str, ignored: Sequence[str]
) -> dict[str, list[Any]]:
    """Return what is found in a plan, and what could not be looked at.

    :param virtualenvs: what installs squawk, where it isn't yet.
    :param plan: the answer of a release to the question for its plan.
    :param requirements: squawk as it was tested.
    :param ignored: rules of squawk that don't count.
    """
    remarks = [f"{step['name']} was not looked through: {step['unread']}" for step in plan["steps"] if step["unread"]]
    script = Script.of(plan["steps"])
    if script.is_idle:
        return {"findings": [], "remarks": remarks}
    try:
        program = str(virtualenvs.tool("squawk", requirements, WHAT, site.root) / "bin" / "squawk")
        version = ("--pg-version", f"{plan['server']}.0") if plan["server"] else ()
        done = run([program, "--reporter", "json", *version], user=site.build_user, stdin=script.text, timeout=SECONDS)
        found = json.loads(done.stdout)
    except (Trouble, ValueError) as error:
        # Before that, nobody looked either: it is no reason to stop a deploy.
        return {"findings": [], "remarks": [*remarks, f"the migrations were not looked through: {' '.join(str(error).split())}"]}
    for line in dict.fromkeys(each["line"] for each in found if each["rule_name"] == SYNTAX):
        remarks.append(f"{script.migration_at(line)} was not looked through: squawk can't read {script.statement(line, line)}")
    return {"findings": [asdict(each) for each in findings(script, found, ignored)], "remarks": remarks}


def findings(script: Script, found: Iterable[Mapping[str, Any]], ignored: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what squawk has found that counts: a statement once for each way to hurt, and nothing of a table that is new."""
    new = set(CREATED.findall(script.text))
    told = set()
    for each in found:
        kind, advice = RULES.get(each["rule_name"], ("", ""))
        first, last = int(each["line"]), int(each["line_end"])
        statement = script.statement(first, last)
        table = ALTERED.search(script.words(first, last))
        if kind and each["rule_name"] not in ignored and (first, kind) not in told and not (table and table[1] in new):
            told.add((first, kind))
            yield Finding(script.migration_at(first), kind, statement, advice, each["rule_name"])
