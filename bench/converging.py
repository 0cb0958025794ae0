"""From a bare host to a site that serves."""

from __future__ import annotations

from bench import hosts, reference
from bench.measure import Comparison, Samples, in_turns, seconds


def first(rounds: int, suite: str) -> list[Comparison]:
    """The first run of site.yml, against one shell script with the same end state and packages; each on a bare host."""
    brought: set[str] = set()

    def ours(_: int) -> float:
        hosts.start(hosts.OURS, suite, afresh=True)
        before = reference.installed(hosts.OURS)
        taken = hosts.play("site").seconds
        hosts.serves(hosts.OURS, "v1")
        brought.update(reference.installed(hosts.OURS) - before)
        return taken

    def other(_: int) -> float:
        hosts.start(hosts.REFERENCE, suite, afresh=True)
        # Ours was first in the first round.
        taken = seconds(lambda: reference.converge(brought))
        hosts.serves(hosts.REFERENCE, "v1")
        if missing := brought - reference.installed(hosts.REFERENCE):
            raise SystemExit(f"The script has not installed {', '.join(sorted(missing))}: the measurement is void.")
        return taken

    taken, by_script = in_turns(rounds, ours, other)
    script = f"a plain script, with the same {len(brought)} packages"
    return [Comparison("first converge", Samples("site.yml", taken), Samples(script, by_script))]
