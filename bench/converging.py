"""From a bare host to a site that serves."""

from __future__ import annotations

from bench import hosts, reference
from bench.measure import Comparison, Samples, in_turns, seconds


def first(rounds: int, suite: str) -> list[Comparison]:
    """The first run of site.yml, against one shell script with the same end state; each on a bare host."""

    def ours(_: int) -> float:
        hosts.start(hosts.OURS, suite, afresh=True)
        taken = hosts.play("site").seconds
        hosts.serves(hosts.OURS, "v1")
        return taken

    def other(_: int) -> float:
        hosts.start(hosts.REFERENCE, suite, afresh=True)
        taken = seconds(reference.converge)
        hosts.serves(hosts.REFERENCE, "v1")
        return taken

    taken, by_script = in_turns(rounds, ours, other)
    return [Comparison("first converge", Samples("site.yml", taken), Samples("a plain script", by_script))]
