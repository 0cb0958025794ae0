# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a run is told: finished lines through Ansible's display, and in a terminal one line below them that is written again."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK_SECONDS = 1.0
# Without a terminal, somebody may wait beside a log, and a pipeline may end a job that is silent.
SILENT_SECONDS = 60.0
CLEAR = "\r\033[K"


class LiveLine:
    """The last line of a terminal, which says what goes on. Its thread writes by itself and holds no lock of Ansible's.

    Tasks are processes that are forked from this one: what they inherit of this object does nothing there.
    """

    def __init__(self, text: Callable[[], str], tick: float = TICK_SECONDS) -> None:
        self._text = text
        self._tick = tick
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._handle = sys.stdout.fileno()
        self._shown = False
        self._paused = 0
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="hotclub-progress").start()
        atexit.register(self.end)

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """Leave the line to something else that is written meanwhile."""
        if os.getpid() != self._process:
            yield
            return
        with self._lock:
            self._paused += 1
            self._clear()
        try:
            yield
            sys.stdout.flush()
        finally:
            with self._lock:
                self._paused -= 1

    def draw(self) -> None:
        """Write the line anew."""
        with self._lock:
            if self._paused or self._over.is_set():
                return
            text = self._text()[: max(20, _columns(self._handle) - 1)]
            if text:
                self._write(f"{CLEAR}{text}")
                self._shown = True
            else:
                self._clear()

    def end(self) -> None:
        """Clear the line for good."""
        if os.getpid() != self._process:
            return
        self._over.set()
        with self._lock:
            self._clear()

    def _run(self) -> None:
        while not self._over.wait(self._tick):
            self.draw()

    def _clear(self) -> None:
        if self._shown:
            self._write(CLEAR)
            self._shown = False

    def _write(self, text: str) -> None:
        try:
            os.write(self._handle, text.encode(sys.stdout.encoding or "utf-8", errors="replace"))
        except OSError:
            # The terminal has gone: nobody reads.
            self._over.set()


class Reminder:
    """Says from time to time that a long step goes on, where no line can be written again."""

    def __init__(self, tell: Callable[[], None], seconds: float = SILENT_SECONDS) -> None:
        self._tell = tell
        self._seconds = seconds
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="hotclub-progress").start()

    def end(self) -> None:
        """Say nothing more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self._tell()


def is_terminal() -> bool:
    """Say whether a line can be written again."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _columns(handle: int) -> int:
    try:
        return os.get_terminal_size(handle).columns or 80
    except OSError:
        return 80


def duration(seconds: float) -> str:
    """Return a duration for a person."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """Return an estimate for a person: no more precise than it is."""
    if seconds < 20:
        return f"{max(1, round(seconds))} s"
    if seconds < 100:
        return f"{round(seconds / 5) * 5} s"
    return f"{round(seconds / 60)} min"
