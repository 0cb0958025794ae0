"""Shows each step of a long command on one line, with the time that it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WIDTH = 64


class Step:
    """One line: the title while the step runs, then the time and the result."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.result = ""
        self._started = time.monotonic()
        _write(_label(title))

    def end(self, result: str = "") -> None:
        """Complete the line."""
        start = f"\r\033[K{_label(self.title)}" if sys.stdout.isatty() else ""
        outcome = result or self.result
        seconds = time.monotonic() - self._started
        _write(f"{start}{seconds:7.1f} s{'  ' + outcome if outcome else ''}\n")


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Show the body as a step; what it puts into `result` stands behind the time."""
    line = Step(title)
    try:
        yield line
    except BaseException:
        line.end("FAILED")
        raise
    line.end()


def heading(text: str) -> None:
    """Begin a new part of a long command."""
    _write(f"\n{text}\n")


def _label(title: str) -> str:
    return f"  {title} ".ljust(WIDTH, "·")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
