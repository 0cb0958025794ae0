"""Workers start afresh after so many requests, each at another time, and no request notices."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

RATE = 100
SECONDS_AT_MOST = 60
# Two that start afresh in the same fifth of a second would have been told to at once.
APART_SECONDS = 0.2


def workers(site: Site) -> dict[str, float]:
    """The processes that answer for the site, with the moment at which each began, in seconds since the host's start."""
    [unit] = site.instances()
    script = (
        f"main=$(systemctl show --value --property MainPID {unit}); ticks=$(getconf CLK_TCK);"
        " for pid in $(pgrep --parent $main); do awk -v ticks=$ticks '{print $1, $22 / ticks}' /proc/$pid/stat; done 2>/dev/null"
    )
    return {pid: float(began) for pid, began in map(str.split, site.app.run(script).splitlines())}


def test_workers_start_afresh_at_different_times_and_lose_no_request(plain: Site, figure: Callable[[str], None]) -> None:
    before = workers(plain)
    fresh: dict[str, float] = {}
    plan = plain.load(rate=RATE)
    with constant_load(plan) as load:
        deadline = time.monotonic() + at_pace(SECONDS_AT_MOST * RATE / plan.rate)
        while len(fresh) < len(before) and time.monotonic() < deadline:
            time.sleep(0.5)
            fresh |= {pid: began for pid, began in workers(plain).items() if pid not in before}
    verdict = judge(load.finish(), plain.stored(plan))
    began = sorted(fresh.values())
    assert len(fresh) >= len(before) > 1, f"of {len(before)} workers, {len(fresh)} started afresh: {verdict}"
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert max(gaps) > APART_SECONDS, f"all workers started afresh within {began[-1] - began[0]:.1f} s"
    assert verdict.flawless, str(verdict)
    figure(f"{len(fresh)} workers started afresh within {began[-1] - began[0]:.1f} s: of {verdict.requests} requests none failed")
