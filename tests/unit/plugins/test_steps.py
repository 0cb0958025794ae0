"""Each step of a host stands in every room that it needs."""

from __future__ import annotations

import ast
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
STEPS = sorted(path.stem for path in (PLUGINS / "module_utils" / "steps").glob("[!_]*.py"))


def test_the_payload_has_every_step() -> None:
    registry = ast.parse((PLUGINS / "module_utils" / "common" / "registry.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(registry) if isinstance(node, ast.ImportFrom) and str(node.module).endswith(".steps")]

    assert sorted(alias.name for node in imports for alias in node.names) == STEPS


def test_every_step_is_documented_and_sent() -> None:
    missing = [
        f"{room}/{step}.py" for room in ("modules", "action") for step in STEPS if not (PLUGINS / room / f"{step}.py").exists()
    ]

    assert missing == []
