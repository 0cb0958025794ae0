"""How the controller starts the code that a host has kept, and understands what comes of it."""

from __future__ import annotations

import json
import subprocess

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.kept import NOT_KEPT
from ansible_collections.hotclub.django.plugins.plugin_utils.steps import kept


def test_the_key_stays_the_same_and_another_python_has_another() -> None:
    assert kept.key_for("") == kept.key_for("")
    assert len({kept.key_for(python) for python in ("", "/usr/bin/python3", "/opt/python3.13")}) == 3


def test_a_host_without_the_code_says_so_and_nothing_else_happens() -> None:
    ended = subprocess.run(["/bin/sh", "-c", kept.command("none", "")], capture_output=True, text=True, check=False)

    assert ended.returncode == NOT_KEPT
    for greeting in ("", "Welcome\n"):
        assert kept.answer_of({"rc": ended.returncode, "stdout": greeting + ended.stdout, "stderr": ended.stderr}) is None


def test_what_is_asked_arrives_as_it_was_written() -> None:
    payload = json.dumps({"steps": [{"step": "look", "arguments": {"text": 'ä"\n{{ x }}'}}], "comparing": True})

    assert json.loads(kept.call(payload, check_mode=True, diff=False)) == {
        "check_mode": True,
        "diff": False,
        "payload": json.loads(payload),
    }


@pytest.mark.parametrize(
    ("printed", "warnings"),
    [('{"results": [], "changed": false, "warnings": []}', None), ('Hello\n{"warnings": ["slow"]}', ["slow"])],
)
def test_the_answer_is_the_last_line_with_warnings_only_where_there_are_any(printed: str, warnings: list[str] | None) -> None:
    answer = kept.answer_of({"rc": 0, "stdout": printed})

    assert answer is not None
    assert answer.get("warnings") == warnings


@pytest.mark.parametrize("printed", ["", "Killed", '{"results": ['])
def test_steps_that_end_without_a_result_are_a_failure_and_are_not_taken_twice(printed: str) -> None:
    answer = kept.answer_of({"rc": 137, "stdout": printed, "stderr": "out of memory"})

    assert answer is not None
    assert answer["failed"]
    assert "What they have done is not known" in answer["msg"]
    assert answer["module_stderr"] == "out of memory"
