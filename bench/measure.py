"""Two ways of doing a thing, in turns, and the table that comes of it."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Samples:
    """What one way took or gave, round by round."""

    name: str
    values: Sequence[float]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        digits = 0 if self.unit != "s" else 1 if self.median >= 3 else 2
        spread = f" ({min(self.values):.{digits}f} to {max(self.values):.{digits}f})" if len(self.values) > 1 else ""
        return f"{self.median:.{digits}f} {self.unit}{spread}"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Ours against what it is measured by."""

    what: str
    ours: Samples
    other: Samples

    @property
    def ratio(self) -> float:
        return self.ours.median / self.other.median

    @property
    def row(self) -> str:
        return f"| {self.what} | {self.ours} | {self.other} | {self.other.name} | {self.ratio:.2f} |"


HEADER = "| what | hotclub.django | compared with | which is | ratio |\n|---|---|---|---|---|"


def table(comparisons: Sequence[Comparison]) -> str:
    return "\n".join([HEADER, *(comparison.row for comparison in comparisons)])


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def in_turns(rounds: int, first: Callable[[int], float], second: Callable[[int], float]) -> tuple[list[float], list[float]]:
    """Measure two ways round by round, each first in every other round, so that a busy moment strikes both."""
    ones: list[float] = []
    others: list[float] = []
    for number in range(rounds):
        for way, values in ((first, ones), (second, others))[:: 1 if number % 2 == 0 else -1]:
            values.append(way(number))
        tell(f"round {number + 1} of {rounds}: {ones[-1]:.2f} against {others[-1]:.2f}")
    return ones, others


def tell(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
