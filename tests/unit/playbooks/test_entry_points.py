"""Playbooks and roles ask roles for task files that these have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = "hotclub.django."
INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role")
FILES = sorted(
    [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("tests/behaviour/kit/playbooks/*.yml")]
)


def test_every_entry_point_exists() -> None:
    asked = {
        (str(path.relative_to(ROOT)), *entry)
        for path in FILES
        for entry in entries(yaml.safe_load(path.read_text(encoding="utf-8")))
    }

    assert len(asked) > 50
    assert sorted(entry for entry in asked if not (ROOT / "roles" / entry[1] / "tasks" / f"{entry[2]}.yml").exists()) == []


def entries(node: Any) -> Iterator[tuple[str, str]]:
    """Yield each role that is asked for in a file, with the task files that may be meant."""
    if isinstance(node, list):
        for each in node:
            yield from entries(each)
    elif isinstance(node, dict):
        for include in (node[name] for name in INCLUDES if name in node):
            role = str(include["name"])
            if role.startswith(COLLECTION):
                yield from (
                    (role.removeprefix(COLLECTION), entry) for entry in meant(str(include.get("tasks_from", "main")), node)
                )
        for value in node.values():
            yield from entries(value)


def meant(entry: str, task: dict[str, Any]) -> list[str]:
    """Return the files that an expression may name: those of a loop, or of its alternatives."""
    if entry == "{{ item }}":
        return [str(item) for item in task["loop"]]
    return re.findall(r"(?:^\{\{ |else )'(\w+)'", entry) if "{{" in entry else [entry]
