"""What each method of balancing gives to three hosts of which one is slow, counted by HAProxy."""

from __future__ import annotations

import concurrent.futures
import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench import cluster
from bench.measure import tell
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab

# (method, what the inventory says of single hosts, more variables)
Method = tuple[str, dict[str, dict[str, Any]], dict[str, Any]]
METHODS: tuple[Method, ...] = (
    ("round_robin", {}, {}),
    ("weighted", {"app1": {"site_app_weight": 3}}, {}),
    ("random", {}, {}),
    ("random_two", {}, {}),
    ("least_conn", {}, {}),
    ("ip_hash", {}, {}),
    ("hash", {}, {"site_balance_hash_key": "header:X-Tenant"}),
)
SLOW = "app3"
PAUSE_MS, SLOW_PAUSE_MS = 20, 200
REQUESTS = 300
AT_ONCE = 12
VISITORS = 60


def balancing(lab: Lab, _: int, methods: Sequence[Method] = METHODS) -> str:
    """A bounded load for each method, one after another in one run."""
    site = cluster.site(lab, "balanced", site_version="first", nginx_trusted_proxies=[cluster.own_address(lab)])
    pauses = {machine.name: {"site_env": {cluster.PAUSE: str(PAUSE_MS)}} for machine in lab.tier("app")}
    pauses[SLOW] = {"site_env": {cluster.PAUSE: str(SLOW_PAUSE_MS)}}
    site.write_inventory(said=pauses)
    site.play("site").must_succeed()
    rows = []
    for method, said, more in methods:
        tell(method)
        everything = {name: {**given, **said.get(name, {})} for name, given in pauses.items()}
        site.write_inventory(said=everything, site_balance_method=method, **more)
        site.play("site", "--limit", lab.lb.name, "--tags", "haproxy").must_succeed()
        rows.append(_row(method, *_measure(site)))
    names = [f"{name}, slow" if name == SLOW else name for name in sorted(pauses)]
    head = f"| method | {' | '.join(names)} | an answer takes, median | 95 of 100 within |"
    return "\n".join([head, "|" + "---|" * (len(names) + 3), *rows])


def _measure(site: Fleet) -> tuple[dict[str, int], list[float]]:
    """Ask as many visitors at once, and return what each host got and what each visitor waited."""
    before = _counts(site)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        waited = list(pool.map(lambda number: _ask(site, number), range(REQUESTS)))
    return {name: count - before[name] for name, count in _counts(site).items()}, waited


def _ask(site: Fleet, number: int) -> float:
    visitor = f"198.51.100.{number % VISITORS + 1}"
    begin = time.monotonic()
    answer = site.visitor.get("/", headers={"X-Forwarded-For": visitor, "X-Tenant": visitor})
    if answer.status != 200:
        raise SystemExit(f"The measurement is void: {answer}")
    return time.monotonic() - begin


def _counts(site: Fleet) -> dict[str, int]:
    return {name: int(view["stot"]) for name, view in sorted(site.views(site.lab.lb).items())}


def _row(method: str, counts: dict[str, int], waited: list[float]) -> str:
    shares = " | ".join(f"{100 * count / sum(counts.values()):.0f} %" for count in counts.values())
    median, most = statistics.median(waited), statistics.quantiles(waited, n=20)[-1]
    return f"| {method} | {shares} | {1000 * median:.0f} ms | {1000 * most:.0f} ms |"
