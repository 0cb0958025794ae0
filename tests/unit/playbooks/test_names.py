"""Names of tasks and of steps can be searched: an act and its object, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.growing import BUILD
from tests.behaviour.cluster.test_fleet import SEND
from tests.behaviour.single.test_interruptions import MIGRATE, PHASES
from tests.behaviour.single.test_rotation import PLACES

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/vars/*.yml")])
# Two words at least, the first of which is the act.
FORM = re.compile(r"[A-Z][a-z]+,? .*[^.]")
# What names neither the act nor its object.
EMPTY = re.compile(r"^(Have|Know|Tell|Ensure|Make sure)\b|\b(no|any) more\b|\b(it|them|there)$")
MODULE = re.compile(r"[a-z_]+\.[a-z_]+\.[a-z_]+")
TASK_WORDS = {"block", "hosts", "tags", "packages", "host_files"}


def test_names_say_what_is_done_to_what() -> None:
    named = [
        (str(path.relative_to(ROOT)), name) for path in FILES for name in names(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]

    assert len(named) > 300
    assert [each for each in named if not FORM.fullmatch(each[1]) or EMPTY.search(each[1])] == []


def test_names_that_tests_wait_for_are_there() -> None:
    named = {name for path in FILES for name in names(yaml.safe_load(path.read_text(encoding="utf-8")))}

    assert {BUILD, MIGRATE, SEND, *PHASES, *PLACES} - named == set()


def names(node: Any) -> Iterator[str]:
    """Yield the names of plays, tasks and steps in a file."""
    if isinstance(node, list):
        for each in node:
            yield from names(each)
    elif isinstance(node, dict):
        is_task = TASK_WORDS & set(node) or any(MODULE.fullmatch(str(key)) for key in node)
        if is_task and isinstance(node.get("name"), str):
            yield node["name"]
        for key, value in node.items():
            if not MODULE.fullmatch(str(key)):
                yield from names(value)
