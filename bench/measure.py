"""Two ways of doing a thing, in turns, and the table that comes of it."""

from __future__ import annotations

import dataclasses
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


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
class Spent:
    """What a piece of work has taken: by the clock, and of this machine's cores."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.cpu:.2f} s of CPU"


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


def compared(
    what: str, ours: Sequence[Spent], others: Sequence[Spent], name: str, our_name: str = "site.yml"
) -> list[Comparison]:
    """Two ways by the clock, and by what they ask of this machine's cores."""
    return [
        Comparison(f"{what}: {kind}", Samples(our_name, _values(ours, field)), Samples(name, _values(others, field)))
        for kind, field in (("by the clock", "seconds"), ("this machine's CPU", "cpu"))
    ]


def _values(spent: Sequence[Spent], field: str) -> list[float]:
    return [getattr(one, field) for one in spent]


HEADER = "| what | hotclub.django | compared with | which is | ratio |\n|---|---|---|---|---|"


def table(comparisons: Sequence[Comparison]) -> str:
    return "\n".join([HEADER, *(comparison.row for comparison in comparisons)])


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def spent(work: Callable[[], object]) -> Spent:
    """Do a piece of work with programs of its own, which end with it, and say what it has taken."""
    before, begin = _cpu_of_programs(), time.monotonic()
    work()
    return Spent(time.monotonic() - begin, _cpu_of_programs() - before)


def _cpu_of_programs() -> float:
    """The seconds of CPU of all programs that have ended, those that they have waited for included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turns(rounds: int, first: Callable[[int], float], second: Callable[[int], float]) -> tuple[list[float], list[float]]:
    """Measure two ways round by round, each first in every other round, so that a busy moment strikes both."""
    found = by_turns(rounds, {"ours": first, "the other": second})
    return found["ours"], found["the other"]


def by_turns(rounds: int, ways: Mapping[str, Callable[[int], T]]) -> dict[str, list[T]]:
    """Measure several ways round by round, in turned order in every other round, so that a busy moment strikes all."""
    found: dict[str, list[T]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(ways[name](number))
        latest = " against ".join(_shown(values[-1]) for values in found.values())
        tell(f"round {number + 1} of {rounds}: {latest}")
    return found


def _shown(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def tell(text: str) -> None:
    sys.stderr.write(f"  {text}\n")
