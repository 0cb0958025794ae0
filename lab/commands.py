"""Runs other programs, each within a time limit."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

DETAIL_LINES = 25


def run(
    command: Sequence[str | Path],
    *,
    timeout: float = 120,
    check: bool = True,
    text_in: str | None = None,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said; with `log`, everything goes to that file as well."""
    words = [str(word) for word in command]
    shown = shlex.join(words)
    try:
        done = subprocess.run(
            words,
            timeout=timeout,
            input=text_in,
            stdin=subprocess.DEVNULL if text_in is None else None,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{words[0]} is not installed on this machine.") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"Stopped after {timeout:.0f} s without an end: {shown}", detail=_text(error.stdout)) from error
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(f"$ {shown}\n{done.stdout}{done.stderr}\n")
    if check and done.returncode != 0:
        raise LabError(f"Failed: {shown}", detail=tail(done.stdout + done.stderr), log=log)
    return done


def hand_over(command: Sequence[str | Path]) -> int:
    """Run a command on the reader's own terminal and return its exit code."""
    sys.stdout.flush()
    return subprocess.run([str(word) for word in command], check=False).returncode


def tail(text: str, lines: int = DETAIL_LINES) -> str:
    """Return the last lines of a text."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _text(output: str | bytes | None) -> str:
    if isinstance(output, bytes):
        output = output.decode(errors="replace")
    return tail(output or "")
