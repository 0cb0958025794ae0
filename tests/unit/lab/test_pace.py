"""How the tests fit a slow machine: what is measured, what follows for the stages, and what the summary says."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from lab import pace as measuring
from lab import suite
from lab.change import Change
from lab.cli import main
from lab.pace import QUICK_SECONDS, SLOW_FROM, VARIABLE, Pace
from lab.suite import LEAVES_OUT, Counts, Outcome, Stage, ends_file, read_left_out, report, run_line, scope_for

QUICK, SLOW = Pace(1.0), Pace(2.4)
BESIDE = ["single-trixie", "single-bookworm"]


@pytest.fixture(autouse=True)
def measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, LEAVES_OUT):
        monkeypatch.setenv(name, "")
    measuring.pace.cache_clear()


def test_the_environment_says_the_pace_instead_of_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "measure", lambda: pytest.fail("measured"))
    monkeypatch.setenv(VARIABLE, "2.4")
    assert measuring.pace() == SLOW


def test_the_pace_is_measured_against_a_quick_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "measure", lambda: 2 * QUICK_SECONDS)
    assert measuring.pace() == Pace(2.0)


def test_slow_rounds_make_no_slow_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ansible-playbook"
    program.write_text(
        f"#!/bin/sh\ntest -e {tmp_path}/second && exit\nmkdir {tmp_path}/first || mkdir {tmp_path}/second\nsleep 0.6\n",
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(measuring, "tool", lambda name: tmp_path / name)
    assert measuring.measure(rounds=3) < 0.5


def test_a_machine_is_slow_from_the_threshold_on() -> None:
    assert Pace(SLOW_FROM).is_slow and not Pace(SLOW_FROM - 0.01).is_slow


def test_a_quick_machine_has_the_bounds_as_they_are_written_and_a_slow_one_longer_ones() -> None:
    assert [Pace(ratio).factor for ratio in (0.5, 1.0, 2.4)] == [1.0, 1.0, 2.4]


def test_the_pace_is_said_in_one_line() -> None:
    assert str(SLOW) == "An empty play takes 2.2 s here, 2.4 times the 0.9 s of a quick machine; from 1.5 on a machine is slow."


@pytest.mark.parametrize("everything", [False, True])
def test_a_quick_machine_runs_stages_side_by_side_and_leaves_nothing_out(everything: bool) -> None:
    scope = scope_for(QUICK, [], BESIDE, everything)
    assert scope.apart == set(BESIDE) and not scope.leaves_out


def test_a_slow_machine_runs_one_stage_after_the_other_and_leaves_tests_out() -> None:
    scope = scope_for(SLOW, [], BESIDE, everything=False)
    assert not scope.apart and scope.leaves_out


def test_a_slow_machine_runs_everything_when_asked_still_one_after_the_other() -> None:
    scope = scope_for(SLOW, [], BESIDE, everything=True)
    assert not scope.apart and not scope.leaves_out


def test_a_stage_that_is_named_is_run_as_a_whole() -> None:
    assert not scope_for(SLOW, ["single-bookworm"], [], everything=False).leaves_out


def run_suite(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the verb with a stage that says what it was told, and return its exit code and what it said."""
    results, said = folder / "scenario.xml", folder / "said"
    passed = '<testsuites><testsuite errors="0" failures="0" skipped="0" tests="1"/></testsuites>'
    script = (
        f"echo ${VARIABLE} >> {said}; echo leaves out: ${LEAVES_OUT} >> {said}; echo '{passed}' > {results};"
        f" test -z ${LEAVES_OUT} || echo 'test_x.py::test_y[a b]' > {folder}/scenario.left-out"
    )
    stage = Stage("scenario", ["sh", "-c", script], results)
    monkeypatch.setattr(suite, "LOGS", folder)
    monkeypatch.setattr(suite, "choose", lambda names: [stage])
    monkeypatch.setattr(suite, "read_change", lambda: Change(frozenset({"roles/nginx/tasks/main.yml"})))
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("NO_COLOR", "1")
    return main(["test", *arguments]), said.read_text(encoding="utf-8").splitlines()


def test_the_stages_of_a_slow_machine_know_it_and_the_last_lines_name_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "2.4")
    assert run_suite(monkeypatch, tmp_path, "--beside", "scenario") == (0, ["2.40", "leaves out: 1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(SLOW)
    assert lines[1] == "So one stage runs after the other."
    assert lines[2].endswith("ALL=1 runs them. The change touches 1 file and the role nginx.")
    assert lines[-4:-1] == ["Left out for lack of time; make test ALL=1 runs them:", "scenario test_x.py::test_y[a b]", ""]
    assert lines[-1].startswith("1 passed, 0 failed, 0 skipped, 1 left out in ")


@pytest.mark.parametrize(("ratio", "arguments"), [("2.4", ["--all"]), ("1.0", [])])
def test_with_everything_or_on_a_quick_machine_nothing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ratio: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(VARIABLE, ratio)
    assert run_suite(monkeypatch, tmp_path, *arguments) == (0, [f"{float(ratio):.2f}", "leaves out:"])
    assert "left out" not in capsys.readouterr().out.lower()


def test_an_earlier_run_s_list_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "scenario.xml"
    results.with_suffix(".left-out").write_text("test_x.py::test_y\n", encoding="utf-8")
    monkeypatch.setattr(suite, "hand_over", lambda command: 0)
    assert suite.run_stage(Stage("scenario", ["true"], results)).left_out == ()
    assert read_left_out(results) == []


def test_without_anything_left_out_the_report_says_nothing_of_it() -> None:
    assert "left out" not in report([Outcome(Stage("unit", [], Path("unit.xml")), True, Counts(3), 1)], 1)


def ends_in(folder: Path, end: float | None) -> list[float]:
    """Run a line of three stages, and return how much of the time each was given when it began."""
    given: list[float] = []

    def run(stage: Stage) -> Outcome:
        assert stage.results
        file = ends_file(stage.results)
        given.append(float(file.read_text(encoding="utf-8")) if file.exists() else 0)
        return Outcome(stage, True, Counts(1), 1)

    stages = [Stage(name, [], folder / f"{name}.xml", share=share) for name, share in (("a", 0), ("b", 3), ("c", 1))]
    assert len(run_line(stages, end, run)) == len(stages)
    return given


def test_each_scenario_of_a_line_may_take_its_share_of_the_time(tmp_path: Path) -> None:
    now = time.time()
    none, first, last = ends_in(tmp_path, now + 1000)
    assert none == 0 and first == pytest.approx(now + 750, abs=5) and last == pytest.approx(now + 1000, abs=5)


def test_a_run_that_is_to_be_whole_has_no_end(tmp_path: Path) -> None:
    ends_in(tmp_path, time.time() + 1000)
    assert ends_in(tmp_path, None) == [0, 0, 0]
