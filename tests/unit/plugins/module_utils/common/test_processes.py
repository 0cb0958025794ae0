"""Programs run without a shell, in plain English, for a limited time, and their output may be shown."""

from __future__ import annotations

import time

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, redact, run
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets

SHELL = "/bin/sh"


def test_output_and_errors_are_told_apart_and_together() -> None:
    ended = run([SHELL, "-c", "echo said; echo wrong >&2; exit 3"])
    assert ended == Outcome(3, "said\n", "wrong\n")
    assert ended.output == "said\nwrong"


def test_no_shell_reads_the_words() -> None:
    assert run(["echo", "$HOME; ls *"]).stdout == "$HOME; ls *\n"


def test_nothing_of_the_operator_s_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    names = {line.split("=")[0] for line in run(["env"], environment={"GIVEN": "1"}).stdout.splitlines()}
    assert names == {"PATH", "LANG", "HOME", "GIVEN"}


def test_a_text_is_its_standard_input_and_without_one_there_is_nothing_to_wait_for() -> None:
    assert run(["cat"], stdin="given").stdout == "given"
    assert run(["cat"], timeout=5).stdout == ""


def test_hidden_values_are_shown_nowhere() -> None:
    ended = run([SHELL, "-c", "echo hunter22; echo hunter22 >&2"], hidden=["hunter22"])
    assert "hunter22" not in ended.output


def test_a_missing_program_is_named() -> None:
    with pytest.raises(Trouble, match="no-such-program is not installed on"):
        run(["no-such-program"])


def test_a_program_that_hangs_is_ended_with_what_it_has_started() -> None:
    began = time.monotonic()
    with pytest.raises(Trouble, match=r"^sh did not end within 1 s\."):
        run([SHELL, "-c", "sleep 60 & echo $! >&2; wait"], timeout=1)
    assert time.monotonic() - began < 20, "the pipe that the child keeps open is not waited for"


def test_what_it_leaves_behind_is_not_for_everybody() -> None:
    assert run([SHELL, "-c", "umask"]).stdout.strip() == "0027"


def test_each_fallback_is_hidden_from_what_a_project_prints() -> None:
    hidden = secrets({"SECRET_KEY_FALLBACKS": "first-key,second-key"})
    assert redact("signed with second-key and first-key", hidden) == "signed with ******** and ********"
