"""What in pending migrations hurts a site that serves is told by name, and what can't be looked through is no reason to stop."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import migrations
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.migrations import RULES, Script, findings, looked_through
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import Virtualenvs

from tests.unit.conftest import CHECKOUT

ADDED = {
    "name": "shop.0002_note",
    "sql": ["BEGIN;", "--\n-- Add field note\n--", 'ALTER TABLE "shop_item" ADD COLUMN "note" text NULL;', "COMMIT;"],
    "unread": "",
}
REMOVED = {
    "name": "shop.0003_old",
    "sql": ["BEGIN;", "--\n-- Remove field old\n--", 'ALTER TABLE "shop_item"\n  DROP COLUMN "old" CASCADE;', "COMMIT;"],
    "unread": "",
}
PYTHON = {
    "name": "shop.0004_fill",
    "sql": ["BEGIN;", "-- THIS OPERATION CANNOT BE WRITTEN AS SQL", "COMMIT;"],
    "unread": "no SQL",
}


def found(rule: str, line: int, last: int | None = None) -> dict[str, Any]:
    """What squawk tells of a line, counted from 0."""
    return {"rule_name": rule, "line": line, "line_end": last or line, "message": "", "help": None}


class Tools(Virtualenvs):
    """Has squawk, or can't install it."""

    def __init__(self, missing: str = "") -> None:
        self.missing = missing
        self.asked = 0

    def tool(self, program: str, requirements: str, what: str, cwd: Path) -> Path:
        self.asked += 1
        if self.missing:
            raise Trouble(f"{what} can't be installed.", self.missing)
        return Path("/srv/shop/cache/squawk-1")


@pytest.fixture(name="looked")
def _looked(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    def looked(steps: Sequence[Mapping[str, Any]], told: str, tools: Tools | None = None) -> dict[str, list[Any]]:
        def run(command: Sequence[str], **more: Any) -> Outcome:
            assert command[0] == "/srv/shop/cache/squawk-1/bin/squawk" and "17.0" in command
            assert more["user"] == site.build_user
            return Outcome(1, told, "")

        monkeypatch.setattr(migrations, "run", run)
        return looked_through(site, tools or Tools(), {"steps": steps, "server": 17}, "squawk-cli==1", [])

    return looked


def test_a_statement_is_told_with_its_migration_and_what_it_does(looked: Any) -> None:
    told = looked([ADDED, REMOVED], json.dumps([found("prefer-robust-stmts", 4), found("ban-drop-column", 10, 11)]))
    (finding,) = told["findings"]
    assert finding["migration"] == "shop.0003_old" and finding["kind"] == "destroys"
    assert finding["statement"] == 'ALTER TABLE "shop_item" DROP COLUMN "old" CASCADE;'
    assert told["remarks"] == []


def test_what_is_no_sql_is_told_and_needs_no_squawk(looked: Any) -> None:
    tools = Tools()
    assert looked([PYTHON], "", tools) == {"findings": [], "remarks": ["shop.0004_fill was not looked through: no SQL"]}
    assert tools.asked == 0


@pytest.mark.parametrize("tools", [Tools("No package index answers."), None])
def test_what_cannot_be_looked_through_is_told(looked: Any, tools: Tools | None) -> None:
    told = looked([REMOVED], "this is no JSON", tools)
    assert told["findings"] == []
    assert "the migrations were not looked through" in told["remarks"][0]


def test_a_statement_that_squawk_cannot_read_is_told(looked: Any) -> None:
    told = looked([ADDED], json.dumps([found("syntax-error", 4)]))
    assert told["findings"] == [] and told["remarks"][0].startswith(
        "shop.0002_note was not looked through: squawk can't read ALTER"
    )


def test_a_table_that_is_new_hurts_nobody_and_a_statement_is_told_once_for_each_way() -> None:
    new = {"name": "shop.0005_tag", "sql": ['CREATE TABLE "shop_tag" ("id" bigint);', 'ALTER TABLE "shop_tag" DROP COLUMN "id";']}
    key = {
        "name": "shop.0006_key",
        "sql": ['ALTER TABLE "shop_item" ADD CONSTRAINT "k" FOREIGN KEY ("tag") REFERENCES "shop_tag";'],
    }
    script = Script.of([new, key])
    twice = [found("ban-drop-column", 1), found("adding-foreign-key-constraint", 2), found("constraint-missing-not-valid", 2)]
    told = list(findings(script, twice))
    assert [(each.migration, each.rule) for each in told] == [("shop.0006_key", "adding-foreign-key-constraint")]
    assert list(findings(script, twice, ["adding-foreign-key-constraint", "constraint-missing-not-valid"])) == []


def test_a_long_statement_is_shortened() -> None:
    script = Script.of([{"name": "shop.0002_x", "sql": ["SELECT " + "1, " * 200]}])
    assert script.statement(0, 0).endswith("…") and len(script.statement(0, 0)) < 130


def test_squawk_is_bound_to_its_hashes() -> None:
    files = CHECKOUT / "roles" / "django" / "files"
    (requirement,) = [line for line in (files / "squawk.in").read_text().splitlines() if not line.startswith("#")]
    assert f"\n{requirement} \\\n    --hash=sha256:" in (files / "squawk.txt").read_text()


def test_each_rule_says_what_to_do() -> None:
    assert {kind for kind, _advice in RULES.values()} == {"locks", "rewrites", "destroys", "breaks"}
    assert all(advice and not advice.endswith(".") for _kind, advice in RULES.values())
    assert cast("Any", RULES).get("prefer-text-field") is None
