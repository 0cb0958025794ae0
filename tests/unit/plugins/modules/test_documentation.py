"""Modules are documentation: what it says of options is what their steps and actions accept."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.plugin_docs import read_docstring
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import add_fragments
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.kinds import KINDS

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
COLLECTION = "ansible_collections.hotclub.django.plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
STEPS = sorted(path.stem for path in (PLUGINS / "module_utils" / "steps").glob("[!_]*.py"))
# The one that runs on hosts.
PAYLOAD = "payload"
# What both say of an option, with what it is where they don't.
PLAIN = {"type": "str", "required": False, "default": None, "choices": None, "elements": None}


def documented(module: str) -> dict[str, Any]:
    """Return the options of a module as its documentation has them."""
    path = str(PLUGINS / "modules" / f"{module}.py")
    document = read_docstring(path)["doc"]
    add_fragments(document, path, fragment_loader)
    return dict(document.get("options") or {})


def accepted(module: str) -> Mapping[str, Any] | None:
    """Return the specification of the arguments of a module, where it has one outside a function."""
    if module in KINDS and KINDS[module].SPEC is not None:
        return KINDS[module].SPEC
    if module in STEPS:
        spec: Mapping[str, Any] = importlib.import_module(f"{COLLECTION}.module_utils.steps.{module}").SPEC
        return spec
    return getattr(importlib.import_module(f"{COLLECTION}.action.{module}"), "ARGUMENTS", None)


def comparable(options: Mapping[str, Any], nested: str) -> dict[str, Any]:
    """Return what documentation and specification both say of options."""
    return {
        name: {
            **{word: listed(option.get(word, usual)) for word, usual in PLAIN.items()},
            "below": comparable(option.get(nested) or {}, nested),
        }
        for name, option in options.items()
    }


def listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("module", [name for name in MODULES if name != PAYLOAD and accepted(name) is not None])
def test_options_are_documented_as_they_are_accepted(module: str) -> None:
    assert comparable(documented(module), "suboptions") == comparable(accepted(module) or {}, "options")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_but_the_payload_runs_on_a_host(module: str) -> None:
    assert (PLUGINS / "action" / f"{module}.py").exists() == (module != PAYLOAD)
    assert ("import" in (PLUGINS / "modules" / f"{module}.py").read_text().partition('RETURN = r"""')[2]) == (module == PAYLOAD)


def test_every_step_is_documented() -> None:
    assert set(STEPS) <= set(MODULES)
