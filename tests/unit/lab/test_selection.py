"""Which behaviour tests a slow machine leaves out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml

from lab.change import NAMING, Change
from lab.paths import ROOT
from lab.suite import LEAVES_OUT, REPEATS_EXCEPT, left_out_file, read_left_out
from tests.behaviour.kit.selection import Candidate, Clock, Selection

FILE = "tests/behaviour/single/test_visitor.py"
NGINX, MANY = Change(frozenset({"roles/nginx/tasks/main.yml"})), Change(frozenset(f"roles/{name}/a" for name in "abcde"))
MINE = Change(frozenset({FILE}))


def a_test(*markers: str, about: str = "nginx") -> Candidate:
    return Candidate(FILE, markers, [about])


def runs(test: Candidate, change: Change | None = None, own: str = "", slow: bool = True) -> bool:
    return Selection(slow, own, change or Change()).runs(test)


def test_a_quick_machine_runs_the_longest_tests_and_repeats() -> None:
    assert runs(a_test("long_on_slow"), own="debian12", slow=False)
    assert Selection.of({}) == Selection.of({LEAVES_OUT: "", REPEATS_EXCEPT: "debian12"}) == Selection()


def test_a_slow_machine_leaves_out_the_longest() -> None:
    assert not runs(a_test("long_on_slow"))
    assert runs(a_test())


def test_a_slow_machine_repeats_nothing_on_the_second_distribution() -> None:
    assert not runs(a_test(), own="debian12")
    assert runs(a_test("debian12"), own="debian12")
    assert not runs(a_test("debian12", "long_on_slow"), own="debian12")


def test_what_the_change_touches_is_never_left_out() -> None:
    for change in (NGINX, MINE):
        assert runs(a_test("long_on_slow"), change)
        assert runs(a_test("debian12", "long_on_slow"), change, own="debian12")
        assert runs(a_test(), change, own="debian12")
    assert not runs(a_test("long_on_slow", about="os"), NGINX)


def test_a_change_of_many_roles_runs_its_longest_tests_and_their_repeats_only_where_the_test_itself_changed() -> None:
    wide = Change(MANY.paths | NGINX.paths)
    assert runs(a_test("long_on_slow"), wide)
    assert not runs(a_test(), wide, own="debian12")
    assert runs(a_test(), Change(wide.paths | MINE.paths), own="debian12")


@pytest.mark.parametrize(("ends", "change", "left_out"), [(9e9, Change(), False), (0, Change(), True), (0, MINE, False)])
def test_what_has_not_begun_when_the_time_is_over_is_left_out_and_named(
    tmp_path: Path, ends: float, change: Change, left_out: bool
) -> None:
    results = tmp_path / "scenario.xml"
    clock = Clock(ends, left_out_file(results), change)
    test = cast("pytest.Item", SimpleNamespace(nodeid=f"{FILE}::test_a[b::c]"))
    assert bool(clock.pytest_runtest_protocol(test)) is left_out
    assert read_left_out(results) == ([test.nodeid] if left_out else [])


def collect(scenario: str, folder: Path) -> tuple[set[str], set[str]]:
    """Find the tests of a scenario as Molecule would on a slow machine; return which run and which are left out."""
    described = yaml.safe_load((ROOT / "molecule" / scenario / "molecule.yml").read_text(encoding="utf-8"))["verifier"]
    results = folder / f"{scenario}.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", "--no-header"),
            *("-m", described.get("options", {}).get("m", ""), f"--junitxml={results}"),
            ROOT / "tests" / "behaviour" / Path(described.get("directory", "single")).name,
        ],
        cwd=folder,
        # Far from the repository, so that no change is found.
        env={**os.environ, **described["env"], LEAVES_OUT: "1", "GIT_DIR": str(folder), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line for line in done.stdout.splitlines() if "::" in line}, set(read_left_out(results))


def test_what_is_left_out_is_named_and_either_long_or_run_on_the_other_distribution(tmp_path: Path) -> None:
    (first, long), (second, left_out) = (collect(name, tmp_path) for name in ("single-trixie", "single-bookworm"))
    assert {name.partition("[")[0] for name in long} == {
        "tests/behaviour/single/test_bench.py::test_a_measurement_of_servers_works",
        "tests/behaviour/single/test_hostile_clients.py::test_hundreds_of_slow_clients_keep_nobody_waiting_and_are_ended",
    }
    assert first and second and not second & left_out
    assert {name.partition("::")[0] for name in left_out - first} == {
        "tests/behaviour/single/test_interruptions.py",
        "tests/behaviour/single/test_rotation.py",
    }


def test_every_concern_of_a_test_is_the_name_of_a_role_a_module_or_a_playbook() -> None:
    files = [path.relative_to(ROOT).as_posix() for folder in NAMING for path in (ROOT / folder).rglob("*") if path.is_file()]
    here = Change(frozenset(files))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "behaviour").rglob("test_*.py")]
    concerns = {
        name for text in sources for named in re.findall(r"mark\.about\((.+?)\)", text) for name in re.findall(r"\w+", named)
    }
    assert len(concerns) > 10
    assert [concern for concern in sorted(concerns) if not here.touches([concern])] == []
