"""Playbooks and roles call roles by entry points that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.conftest import CHECKOUT

INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role")
CALLERS = ("playbooks/**/*.yml", "roles/*/tasks/*.yml", "tests/behaviour/kit/playbooks/*.yml")
# A name that depends on a condition, as in {{ 'main' if ... else 'leave' }}.
WORD = re.compile(r"'(\w+)' (?:if|\}\})|else '(\w+)'")


def tasks_in(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every task of a playbook or of a file of tasks, those in blocks included."""
    if isinstance(node, dict):
        if any(name in node for name in INCLUDES):
            yield node
        for value in node.values():
            yield from tasks_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from tasks_in(value)


def calls() -> Iterator[tuple[str, str, str]]:
    """Yield which file calls which entry of which role."""
    for path in sorted(path for pattern in CALLERS for path in CHECKOUT.glob(pattern)):
        for task in tasks_in(yaml.safe_load(path.read_text(encoding="utf-8"))):
            call = next(task[name] for name in INCLUDES if name in task)
            if "{{" in call["name"]:
                continue  # those of the table of roles, which tests/unit/roles/site/test_roles.py compares with the entries
            entry = str(call.get("tasks_from", "main"))
            words = [word for pair in WORD.findall(entry) for word in pair if word] if "{{" in entry else [entry]
            loop = task.get("loop", [])
            names = loop if entry == "{{ item }}" and isinstance(loop, list) else words
            yield from ((path.relative_to(CHECKOUT).as_posix(), call["name"].rpartition(".")[2], name) for name in names)


@pytest.mark.parametrize(("file", "role", "entry"), sorted(set(calls())))
def test_every_entry_point_that_is_called_is_there(file: str, role: str, entry: str) -> None:
    assert Path(CHECKOUT, "roles", role, "tasks", f"{entry}.yml").is_file(), f"{file} calls {role} by {entry}"


def test_entry_points_are_found() -> None:
    assert ("playbooks/tasks/follow_database.yml", "postgresql", "install") in set(calls())
    assert ("playbooks/site.yml", "keepalived", "leave") in set(calls())
