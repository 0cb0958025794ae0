# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An end for what may wait for ever, whatever it waits for."""

from __future__ import annotations

import contextlib
import signal
import types
from collections.abc import Iterator

# What takes the first ring for something else, or waits again while it cleans up, hears it again.
AGAIN_SECONDS = 5.0


# No OSError, unlike Python's own: whoever waits for a connection takes these for an answer.
class TooSlowError(Exception):
    """Something didn't end in time."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Have a block end in time, as far as the kernel lets go of it. For the main thread of a program alone.

    :raises TooSlowError: it did not end by itself.
    """

    def ring(_number: int, _frame: types.FrameType | None) -> None:
        raise TooSlowError(f"no end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
