"""What more hosts cost a run that changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench import hosts
from bench.earlier import unchanged_run
from bench.measure import Comparison, Spent, by_turns, compared, spent


def unchanged(rounds: int) -> list[Comparison]:
    """A run of site.yml on eight hosts in three tiers, against one on a single server."""
    for which in (hosts.EIGHT, hosts.OURS):
        hosts.play("site", which)
    return compare(
        rounds, "8 hosts in three tiers", *(partial(unchanged_run, which, hosts.ROOT) for which in (hosts.EIGHT, hosts.OURS))
    )


def compare(rounds: int, which: str, many: Callable[[], object], one: Callable[[], object]) -> list[Comparison]:
    """Runs on many hosts against runs on a single server."""

    def once(work: Callable[[], object], _: int) -> Spent:
        return spent(work)

    found = by_turns(rounds, {"many": partial(once, many), "one": partial(once, one)})
    return compared(f"run that changes nothing, {which}", found["many"], found["one"], "site.yml, one server")
