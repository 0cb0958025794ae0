"""Images, the demo's editions, playbook logs and the totals of the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from lab import bootstrap, image, repository, suite
from lab.commands import run, tail
from lab.errors import LabError
from lab.suite import Counts, Outcome, Stage, choose, read_counts, report

JUNIT = '<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/></testsuites>'


def test_each_suite_has_an_image_of_its_own() -> None:
    assert len({image.recipe_hash(name) for name in image.SUITES}) == len(image.SUITES)


def test_a_changed_recipe_is_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.recipe_hash("trixie")
    changed = tmp_path / "host-setup.sh"
    changed.write_text("true\n", encoding="utf-8")
    monkeypatch.setattr(image, "RECIPE_SETUP", changed)
    assert image.recipe_hash("trixie") != before


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="trixie"):
        image.ensure_image("sarge")


def test_the_tools_are_renewed_when_a_requirement_changes(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("one==1\n", encoding="utf-8")
    before = bootstrap.fingerprint((file,))
    assert bootstrap.fingerprint((file,)) == before
    file.write_text("one==2\n", encoding="utf-8")
    assert bootstrap.fingerprint((file,)) != before


@pytest.mark.parametrize(("says", "kept"), [(".".join(map(str, sys.version_info[:2])), True), ("2.7", False), ("", False)])
def test_an_environment_of_the_same_python_is_renewed_in_place(
    says: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, used = tmp_path / "venv" / "python", tmp_path / "venv" / "in-use"
    used.parent.mkdir()
    used.touch()
    python.write_text(f"#!/bin/sh\necho {says}; test -n '{says}'\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", python)
    monkeypatch.setattr(bootstrap, "LOGS", tmp_path)

    def only_ask(command: list[Path | str], **options: Any) -> Any:
        return run(command) if command[0] == python and says else run(["true"])

    monkeypatch.setattr(bootstrap, "run", only_ask)
    bootstrap._install()
    assert used.exists() is kept


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small demo project whose repository is elsewhere."""
    project = tmp_path / "demo"
    (project / "guestbook").mkdir(parents=True)
    (project / repository.VERSION_FILE).write_text('VERSION = "1.0"\n', encoding="utf-8")
    monkeypatch.setattr(repository, "PROJECT", project)
    monkeypatch.setattr(repository, "GIT", tmp_path / "git")
    monkeypatch.setattr(repository, "REPOSITORY", tmp_path / "git" / "demo.git")
    return project


def commits() -> list[str]:
    return run(["git", "--git-dir", repository.REPOSITORY, "log", "--format=%s", "main"]).stdout.splitlines()


def test_an_unchanged_demo_is_committed_once(demo: Path) -> None:
    assert [repository.ensure_demo(), repository.ensure_demo()] == ["1.0", "1.0"]
    assert commits() == ["Edition 1.0"]


def test_each_edition_is_a_commit_and_stays(demo: Path) -> None:
    repository.ensure_demo()
    assert [repository.add_edition(), repository.add_edition(), repository.ensure_demo()] == ["1.1", "1.2", "1.2"]
    assert commits() == ["Edition 1.2", "Edition 1.1", "Edition 1.0"]


def test_a_change_in_the_demo_is_committed_with_the_present_edition(demo: Path) -> None:
    repository.add_edition()
    (demo / "manage.py").write_text("print()\n", encoding="utf-8")
    assert repository.ensure_demo() == "1.1"
    assert commits() == ["Edition 1.1", "Edition 1.1", "Edition 1.0"]


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(LabError, match="Failed: sh") as caught:
        run(["sh", "-c", "echo because; exit 3"])
    assert caught.value.detail == "because"


def test_a_command_that_does_not_end_is_stopped() -> None:
    with pytest.raises(LabError, match="Stopped after"):
        run(["sleep", "5"], timeout=0.1)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(LabError, match="no-such-program is not installed"):
        run(["no-such-program"])


def test_a_tail_is_the_last_lines() -> None:
    assert tail("1\n2\n3\n", 2) == "2\n3"


def test_counts_come_from_what_pytest_wrote(tmp_path: Path) -> None:
    results = tmp_path / "unit.xml"
    results.write_text(JUNIT, encoding="utf-8")
    assert read_counts(results) == Counts(passed=4, failed=3, skipped=3)
    assert read_counts(tmp_path / "none.xml") == Counts()


def test_a_stage_that_runs_no_test_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "hand_over", lambda command: 0)
    assert not suite.run_stage(Stage("empty", ["true"], tmp_path / "empty.xml")).succeeded
    assert suite.run_stage(Stage("lint", ["true"])).succeeded


def test_a_stage_beside_the_others_is_shown_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite, "LOGS", tmp_path)
    outcome = suite.run_beside(Stage("slow", ["sh", "-c", "echo what it said; exit 3"]))
    assert not outcome.succeeded
    assert "what it said" in capsys.readouterr().out


def test_stages_beside_the_others_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(word: str) -> Stage:
        return Stage(
            word, ["sh", "-c", f"echo {word} begins >> {tmp_path}/order; sleep 0.1; echo {word} ends >> {tmp_path}/order"]
        )

    monkeypatch.setattr(suite, "LOGS", tmp_path)
    monkeypatch.setattr(suite, "choose", lambda names: [Stage("lint", ["true"]), say("one"), say("two")])
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("NO_COLOR", "1")
    assert suite.run_stages([], ["one", "two"]) == 0
    assert (tmp_path / "order").read_text().split("\n") == ["one begins", "one ends", "two begins", "two ends", ""]
    assert "all stages succeeded" in capsys.readouterr().out


def test_a_stage_that_does_not_run_cannot_run_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabError, match="single-bookworm"):
        suite.run_stages(["lint"], ["single-bookworm"])


def test_old_results_do_not_count_for_a_stage_that_breaks_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "unit.xml"
    results.write_text(JUNIT, encoding="utf-8")
    monkeypatch.setattr(suite, "hand_over", lambda command: 1)
    assert suite.run_stage(Stage("unit", ["false"], results)).counts == Counts()


def test_the_report_ends_with_totals() -> None:
    unit, lint = Stage("unit", [], Path("unit.xml")), Stage("lint", [])
    good = [Outcome(lint, True, Counts(), 60), Outcome(unit, True, Counts(3, 0, 1), 60)]
    assert report(good, 90).splitlines()[-1] == "3 passed, 0 failed, 1 skipped in 1.5 minutes; all stages succeeded"
    bad = [*good, Outcome(unit, False, Counts(1, 2, 0), 0)]
    assert report(bad, 90).splitlines()[-1] == "4 passed, 2 failed, 1 skipped in 1.5 minutes; FAILED: unit"


def test_the_report_names_each_failed_test_with_its_message(tmp_path: Path) -> None:
    results = tmp_path / "unit.xml"
    case = '<testcase classname="tests.test_x" name="test_y"><failure message="lost 3&#10;of 9">all of it</failure></testcase>'
    results.write_text(f'<testsuites><testsuite errors="0" failures="1" skipped="0" tests="1">{case}</testsuite></testsuites>')
    [failure] = suite.read_failures(results)
    assert failure == "tests.test_x::test_y\nlost 3\nof 9"
    assert f"unit {failure}\n" in report([Outcome(Stage("unit", []), False, Counts(0, 1, 0), 1, (failure,))], 1)
    assert list(suite.read_failures(tmp_path / "none.xml")) == []


def test_what_failed_stands_once_more_and_short_in_the_last_lines() -> None:
    unit = Stage("unit", [], Path("unit.xml"))
    failure, left_out = (
        "tests.test_x::test_y\n" + "lost 3\n" * 200 + "the cause",
        ("tests/test_z.py::test_1", "tests/test_z.py::test_2"),
    )
    lines = report([Outcome(unit, False, Counts(0, 1, 0), 1, (failure,), left_out)], 1).splitlines()
    assert lines[-4] == "Failed:" and len(lines[-3]) == suite.BRIEF
    assert lines[-3].startswith("unit tests.test_x::test_y lost 3 lost 3")
    assert lines[-3].endswith("lost 3 the cause")
    assert lines.index("unit tests/test_z.py::test_2") < len(lines) - 4


def test_some_stages_run_only_when_named() -> None:
    names = [stage.name for stage in choose([])]
    assert {"lint", "unit", "single-trixie", "single-bookworm"} <= set(names)
    assert not set(suite.ON_REQUEST) & set(names)
    assert [stage.name for stage in choose(["single-noble"])] == ["single-noble"]
    with pytest.raises(LabError, match="No stage is called nothing"):
        choose(["nothing"])


def test_the_scenario_for_everybody_has_a_public_image_and_in_the_suite_the_lab_s() -> None:
    scenario = (suite.SCENARIOS / suite.WITHOUT_LAB / "molecule.yml").read_text(encoding="utf-8")
    assert "image: ${HOTCLUB_MOLECULE_IMAGE:-debian:trixie}" in scenario
    given = suite.image_for_molecule("hotclub-lab:trixie")
    assert given["HOTCLUB_MOLECULE_IMAGE"] == "hotclub-lab:trixie"
    assert [name for name in given if f"${{{name}:-" not in scenario] == [], "nobody reads it"
    assert suite.ITS_SUITE in image.SUITES and suite.WITHOUT_LAB in [stage.name for stage in choose([])]
