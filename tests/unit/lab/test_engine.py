"""An engine that was killed leaves files behind; those of one that runs are left alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import engine
from lab.errors import LabError


@pytest.fixture
def remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process file and a socket, as if dockerd had left them; `sleep` stands for dockerd."""
    monkeypatch.setattr(engine, "LEFT_PIDS", {tmp_path / "docker.pid": "sleep"})
    monkeypatch.setattr(engine, "LEFT_SOCKETS", (tmp_path / "docker.sock",))
    (tmp_path / "docker.sock").touch()
    return tmp_path / "docker.pid"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_the_number_of_another_program_is_stale(remains: Path) -> None:
    remains.write_text(str(os.getpid()), encoding="utf-8")
    engine._clear_remains()
    assert not remains.exists()
    assert not remains.with_name("docker.sock").exists()


def test_the_number_of_a_living_engine_stays(remains: Path, sleeper: subprocess.Popen[bytes]) -> None:
    remains.write_text(str(sleeper.pid), encoding="utf-8")
    engine._clear_remains()
    assert remains.exists()


def test_a_dead_child_that_nobody_waited_for_does_not_run(sleeper: subprocess.Popen[bytes]) -> None:
    assert engine._runs(sleeper.pid, "sleep")
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not engine._runs(sleeper.pid, "sleep")


@pytest.mark.parametrize("text", ["", "not a number", "999999999"])
def test_a_broken_process_file_is_stale(remains: Path, text: str) -> None:
    remains.write_text(text, encoding="utf-8")
    engine._clear_remains()
    assert not remains.exists()


def test_an_engine_that_answers_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "answers", lambda: True)
    assert engine.start() == "running already"


def test_who_may_not_start_one_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "answers", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="sudo systemctl start docker"):
        engine.start()


def test_an_engine_that_the_lab_did_not_start_is_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PID", tmp_path / "pid")
    assert engine.stop() == "not started by the lab"
    (tmp_path / "pid").write_text(str(os.getpid()), encoding="utf-8")
    assert engine.stop() == "not started by the lab"
