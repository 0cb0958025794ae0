"""Playbooks and roles read private variables that something defines."""

from __future__ import annotations

import re

import yaml

from tests.unit.conftest import CHECKOUT

USED = re.compile(r"\b(__[a-z]\w+)\b")
# Where a task or a play gives a name itself.
GIVEN = (r"register: (\w+)", r"^ +(__\w+):", r"\{(__\w+):", r"(?:loop_var|index_var): (\w+)")
# Python's own, in the programs that roles bring.
OF_PYTHON = {"__init__", "__main__", "__future__", "__name__", "__file__", "__qualname__"}


def test_each_private_variable_is_defined_somewhere() -> None:
    files = [
        path for folder in ("playbooks", "roles") for path in (CHECKOUT / folder).rglob("*") if path.suffix in (".yml", ".j2")
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    variables = [path for path in files if path.suffix == ".yml" and {"vars", "defaults"} & set(path.parts)]
    defined = {name for path in variables for name in yaml.safe_load(path.read_text(encoding="utf-8")) or {}}
    defined |= {name for pattern in GIVEN for name in re.findall(pattern, text, re.MULTILINE)}

    assert sorted(set(USED.findall(text)) - defined - OF_PYTHON) == []
