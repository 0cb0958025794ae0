"""How quick this machine is, so that the tests fit it."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.commands import run
from lab.paths import tool

# What an empty play takes on the machine of docs/figures.md.
QUICK_SECONDS = 0.9
# All of the tests take at most 60 minutes there, and 90 are the end everywhere: from here on it would be close.
SLOW_FROM = 1.5
ROUNDS = 5
# A ratio, instead of measuring: 2.4 is a machine that is 2.4 times slower. The suite hands it to each stage.
VARIABLE = "HOTCLUB_PACE"

EMPTY_PLAY = "- hosts: localhost\n  gather_facts: false\n  tasks: []\n"


@dataclass(frozen=True)
class Pace:
    """A machine's pace: 1.0 is that of docs/figures.md, 2.0 takes twice as long for the same."""

    ratio: float

    @property
    def is_slow(self) -> bool:
        """Whether the machine is too slow for all the tests within the time that they have."""
        return self.ratio >= SLOW_FROM

    @property
    def factor(self) -> float:
        """What a bound in seconds is multiplied with; a quick machine gets no discount."""
        return max(1.0, self.ratio)

    def __str__(self) -> str:
        """Return the line in which the suite says it."""
        compared = f"{self.ratio:.1f} times the {QUICK_SECONDS} s of a quick machine"
        return f"An empty play takes {self.ratio * QUICK_SECONDS:.1f} s here, {compared}; from {SLOW_FROM} on a machine is slow."


@cache
def pace() -> Pace:
    """Return this machine's pace: what the environment says, or else what is measured now."""
    said = os.environ.get(VARIABLE, "")
    return Pace(float(said) if said else measure() / QUICK_SECONDS)


def measure(rounds: int = ROUNDS) -> float:
    """Return how long an empty play takes in seconds, the least of some rounds.

    By the clock, not in CPU time: a machine that is busy all the time or has a part of its cores only is slow as well. The least,
    since what else runs for a moment, or a disk that is read for the first time, only ever adds.
    """
    with tempfile.TemporaryDirectory() as folder:
        playbook = Path(folder) / "empty.yml"
        playbook.write_text(EMPTY_PLAY, encoding="utf-8")
        return min(_round(playbook) for _ in range(rounds))


def _round(playbook: Path) -> float:
    began = time.monotonic()
    run([tool("ansible-playbook"), "--inventory", "localhost,", "--connection", "local", playbook])
    return time.monotonic() - began
