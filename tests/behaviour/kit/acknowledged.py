"""What rows that were acknowledged tell of who took writes, and of when nobody did."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

# More than two clocks of one kernel, read by two processes, may differ by.
AT_ONCE_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Acknowledged:
    """A row that was acknowledged: to whom, from when to when it took, and on which server."""

    writer: str
    number: int
    begin: float
    end: float
    server: str


def from_two_at_once(rows: Sequence[Acknowledged]) -> list[Acknowledged]:
    """Return rows that a server acknowledged although they began after another one had taken its place, which it never got back.

    :param rows: in the order in which they were acknowledged.
    """
    taken: dict[str, float] = {}
    led: list[str] = []
    wrong = []
    for row in rows:
        if row.server not in led:
            taken.update({row.server: float("inf")}, **{led[-1]: row.end} if led else {})
            led.append(row.server)
        if row.begin > taken[row.server] + AT_ONCE_SECONDS:
            wrong.append(row)
    return wrong


def longest_pause(rows: Sequence[Acknowledged], since: float) -> float:
    """Return the longest time without an acknowledged row for the site, from a moment on."""
    ends = [since, *(row.end for row in rows if row.writer.startswith("app") and row.end > since)]
    return max((later - earlier for earlier, later in itertools.pairwise(ends)), default=float("inf"))
