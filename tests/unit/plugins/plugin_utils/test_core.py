"""What is used of ansible-core is in one file, which knows the versions that the tests have run with."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.filter import topology
from ansible_collections.hotclub.django.plugins.plugin_utils import core

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = ROOT / "plugins"
CORE = PLUGINS / "plugin_utils" / "core.py"
# What ansible-core's developers' guide names for plugins.
FOR_PLUGINS = re.compile(r"ansible(\.(constants|errors|module_utils\..+|plugins\.\w+|utils\.display))?")


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_other_file_uses_what_a_version_may_move() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in PLUGINS.rglob("*.py")
        if path != CORE
        for name in imported(path)
        if name.split(".")[0] == "ansible" and not FOR_PLUGINS.fullmatch(name)
    }
    assert found == set()


def test_the_versions_are_those_of_the_collection_and_of_these_tests() -> None:
    requires = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    assert requires.startswith(">={}.{}.0,<".format(*core.OLDEST))
    assert core.OLDEST <= core.release(core.version) <= core.NEWEST


@pytest.mark.parametrize("version", [core.version, "2.19.0", "2.19.14rc1", "{}.{}.99".format(*core.NEWEST)])
def test_a_tested_version_is_nothing_to_speak_of(version: str) -> None:
    assert core.untested(version) == []


@pytest.mark.parametrize("version", ["2.99.0", "2.99.0.dev0", "2.99.0b1", "3.0.0"])
def test_a_newer_version_is_told(version: str) -> None:
    (told,) = core.untested(version)
    assert version in told
    assert core.TESTED in told


def test_a_version_without_what_is_used_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ansible.parsing.vault", None)
    with pytest.raises(ImportError, match=rf"ansible-core {re.escape(core.version)}.*Install ansible-core"):
        exec(compile(CORE.read_text(), CORE, "exec"), {"__name__": "core"})  # noqa: S102  the file as a fresh process reads it


def test_once_the_filter_is_read_that_takes_hosts_by_tier_python_looks_for_unused_cycles_more_rarely() -> None:
    assert callable(topology.all_tiers)
    assert gc.get_threshold()[0] == core.OBJECTS_BETWEEN_COLLECTIONS and gc.get_freeze_count() > 0
