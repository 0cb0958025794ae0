"""The table of tags says what playbooks/site.yml has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `(?P<tag>\w+)` \| (?P<roles>[\w, ]+) \| .+ \|$", re.MULTILINE)
# Those that run whatever an operator asks for.
UNASKED = {"always"}


def tasks(playbook: str) -> list[dict[str, Any]]:
    plays = yaml.safe_load((ROOT / "playbooks" / playbook).read_text(encoding="utf-8"))
    return [task for play in plays for task in play.get("tasks", [])]


def tagged_roles() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for task in tasks("site.yml"):
        for tag in set(task.get("tags", [])) - UNASKED:
            role = task.get("ansible.builtin.include_role", {}).get("name", "").removeprefix("hotclub.django.")
            found.setdefault(tag, set()).update({role} - {""})
    return found


def test_the_table_names_each_tag_with_its_roles() -> None:
    table = (ROOT / "docs" / "tags.md").read_text(encoding="utf-8")

    assert {row["tag"]: set(row["roles"].split(", ")) for row in ROW.finditer(table)} == tagged_roles()


def test_what_a_tag_includes_is_run_by_it() -> None:
    unapplied = [
        task["name"]
        for task in tasks("site.yml")
        for include in [task.get("ansible.builtin.include_role") or task.get("ansible.builtin.include_tasks")]
        if include and not set(include.get("apply", {}).get("tags", [])) & set(task.get("tags", []))
    ]

    assert unapplied == []


def test_other_playbooks_have_no_tags() -> None:
    others = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml") if path.name != "site.yml")

    assert [name for name in others for task in tasks(name) if set(task.get("tags", [])) - UNASKED] == []
