"""What a host keeps of the runs that have changed it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import batch, verbs
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process

RUN = {"run": "ab12", "by": "ann@laptop", "verb": "deploy", "arguments": {"site_version": "v2"}, "site": "shop"}


@pytest.fixture(name="file")
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "hotclub/verbs.jsonl"
    written = verbs.write
    monkeypatch.setattr(verbs, "write", lambda entry: written(entry, file))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return file


def note(*results: dict[str, Any], step: str = "release_build", check_mode: bool = False, **run: Any) -> Process:
    process = Process(check_mode=check_mode)
    verbs.note(process, {**RUN, **run}, 0, [step] * len(results), list(results))
    return process


def test_all_that_a_run_changes_is_one_entry(file: Path) -> None:
    note({"changed": False}, {"changed": True})
    note({"changed": True}, step="release_switch")
    note({"changed": True}, run="cd34", verb="site", site="other")
    [run] = verbs.of_site("shop", 20, file)
    assert (run["verb"], run["by"], run["at"]) == ("deploy", "ann@laptop", "1970-01-01T00:00:00Z")
    assert run["until"] > run["at"]
    assert (run["steps"], run["failed"]) == (["release_build", "release_switch"], [])
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"changed": False}, {}),
        ({"failed": True, "refuses": True, "msg": "no"}, {}),
        ({"failed": True, "msg": "no"}, {"step": "look"}),
        ({"changed": True}, {"check_mode": True}),
    ],
)
def test_what_changes_nothing_leaves_nothing(file: Path, result: dict[str, Any], told: dict[str, Any]) -> None:
    note(result, **told)
    assert not file.exists()


def test_a_failure_is_told_with_its_first_line(file: Path) -> None:
    note({"changed": True}, {"failed": True, "changed": False, "msg": "uv ends with 1.\nmore"})
    [run] = verbs.of_site("shop", 20, file)
    assert run["failed"] == ["release_build: uv ends with 1."]


def test_torn_lines_are_left_out_and_spoil_no_other(file: Path) -> None:
    note({"changed": True})
    file.write_bytes(file.read_bytes() + b'{"run": "torn", "at"')
    note({"changed": True}, run="cd34")
    assert [run["run"] for run in verbs.of_site("shop", 20, file)] == ["ab12", "cd34"]
    assert [run["run"] for run in verbs.of_site("shop", 1, file)] == ["cd34"]


def test_the_file_stays_small_and_keeps_the_newest(tmp_path: Path) -> None:
    file = tmp_path / "verbs.jsonl"
    entry = {**RUN, "from": "", "at": "a", "until": "b", "steps": ["uv"], "failed": []}
    for number in range(100):
        verbs.write({**entry, "run": f"r{number}"}, file, longest=4000)
    assert file.stat().st_size <= 4200
    kept = [run["run"] for run in verbs.runs(verbs.lines(file))]
    assert kept[-1] == "r99"
    assert kept == [f"r{number}" for number in range(100 - len(kept), 100)]


def test_a_disk_that_takes_no_note_is_a_warning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_entry: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(verbs, "write", full)
    assert "keeps no note of this run" in note({"changed": True}).warnings[0]


def test_an_address_is_found_above_sudo(tmp_path: Path) -> None:
    for process, (above, environment) in {
        30: (20, b"USER=root\0SUDO_USER=deploy"),
        20: (10, b"SSH_CONNECTION=192.0.2.7 50000 192.0.2.1 22\0USER=deploy\0"),
    }.items():
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "environ").write_bytes(environment)
        (tmp_path / str(process) / "stat").write_text(f"{process} (a) b) S {above} 0 0")
    assert verbs.came_from(30, tmp_path) == "deploy@192.0.2.7"
    assert verbs.came_from(99, tmp_path) == ""


def test_a_call_without_a_run_or_that_compares_leaves_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "result_of", lambda *_: {"changed": True})
    steps = [{"step": "uv", "arguments": {}}]
    batch.answer(Process(), {"steps": steps, "comparing": False})
    batch.answer(Process(), {"steps": steps, "comparing": True, "run": RUN})
    assert not file.exists()
    batch.answer(Process(), {"steps": steps, "comparing": False, "run": RUN})
    assert [json.loads(line)["steps"] for line in verbs.lines(file)] == [["uv"]]


def test_what_takes_long_is_told_while_it_does_and_no_more_where_it_changed_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def built(*_: Any) -> dict[str, Any]:
        seen.extend(run["open"] for run in verbs.of_site("shop", 20, file))
        return {"changed": False}

    monkeypatch.setattr(batch, "result_of", built)
    steps = [{"step": "release_build", "arguments": {}}]
    batch.answer(Process(), {"steps": steps, "comparing": False, "run": RUN})
    assert seen == [["release_build"]]
    assert verbs.of_site("shop", 20, file) == []
    batch.answer(Process(check_mode=True), {"steps": steps, "comparing": False, "run": {**RUN, "run": "cd34"}})
    assert "cd34" not in file.read_text()
