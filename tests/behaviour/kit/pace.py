"""Bounds in seconds and loads in requests, as the machine that runs the tests can bear them."""

from __future__ import annotations

import asyncio
import dataclasses

from lab.pace import pace
from tests.load import Outcome, Plan
from tests.load.generator import Generator

# How long a site is tried, with how many times the load that a test wants of it.
TRIAL_SECONDS = 2.0
HEADROOM = 2.0
# What was asked last may be answered that much later by a site that keeps up.
LATE_SECONDS = 0.5
RATE_AT_LEAST = 2.0


def at_pace(seconds: float) -> float:
    """A bound for a machine as quick as that of docs/figures.md, as long as it is for this one."""
    return seconds * pace().factor


@dataclasses.dataclass(frozen=True)
class Served:
    """How many requests a second a site has served, and whether it was asked for no more."""

    rate: float
    all_of_them: bool

    def is_enough_for(self, wanted: float) -> bool:
        """Whether it tells if the site bears that much."""
        return not self.all_of_them or self.rate >= HEADROOM * wanted


class Bearable:
    """What sites serve while nothing else happens to them. Each is tried once, for as much as the tests want of it."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Served] = {}

    def plan(self, plan: Plan) -> Plan:
        """The plan with half of what the site serves, and at most with the rate that it has."""
        kind = (plan.address, plan.host_header, plan.post_every, plan.fresh_every)
        served = self._known.get(kind)
        if served is None or not served.is_enough_for(plan.rate):
            # What has just started needs a moment to be as quick as it can.
            served = try_out(plan)
            served = served if served.all_of_them else max(served, try_out(plan), key=lambda found: found.rate)
            self._known[kind] = served
        rate = min(plan.rate, served.rate / HEADROOM)
        assert rate >= RATE_AT_LEAST, f"{plan.url} serves {served.rate:.1f} requests a second while nothing else happens to it"
        return dataclasses.replace(plan, rate=rate)


def try_out(plan: Plan) -> Served:
    """Load a site with more than a test will, for a moment."""
    trial = dataclasses.replace(plan, rate=HEADROOM * plan.rate, seconds=TRIAL_SECONDS, id_prefix=f"{plan.id_prefix}x")
    return served(trial, asyncio.run(Generator(trial).run()))


def served(trial: Plan, outcomes: list[Outcome]) -> Served:
    """What a site has served of a trial, by when the last answer came."""
    good = [outcome for outcome in outcomes if not outcome.failed]
    if not good:
        return Served(0.0, all_of_them=False)
    span = max(outcome.finished for outcome in good) - min(outcome.scheduled for outcome in outcomes)
    late = max(0.0, span - trial.seconds - LATE_SECONDS)
    return Served(len(good) / (trial.seconds + late), all_of_them=len(good) == trial.count and not late)


bearable = Bearable()
