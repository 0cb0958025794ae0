"""What TLS between the tiers costs: two sites on the same hosts, one with it and one without."""

from __future__ import annotations

import json
from collections.abc import Callable

from bench import cluster
from bench.measure import in_turns, tell
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab

REQUESTS, AT_ONCE = 400, 8
Measure = Callable[[Fleet], dict[str, float]]

# Asks HAProxy on the balancer, one request after another and then several at once, each on a connection of its own.
ASK = f"""
import concurrent.futures, http.client, json, socket, statistics, sys, time
path, host = sys.argv[1:]
def ask(_):
    began = time.monotonic()
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("GET", "/version", headers={{"Host": host, "Connection": "close"}})
    assert connection.getresponse().status == 200
    return time.monotonic() - began
one = statistics.median(map(ask, range({REQUESTS})))
began = time.monotonic()
with concurrent.futures.ThreadPoolExecutor({AT_ONCE}) as pool:
    list(pool.map(ask, range({REQUESTS})))
print(json.dumps({{"one_ms": one * 1000, "a_second": {REQUESTS} / (time.monotonic() - began)}}))
"""

# Opens connections to the database as the site does, and asks one of them a small question.
CONNECT = f"""
import json, os, psycopg, statistics, time
def timed(work):
    began = time.monotonic()
    work()
    return (time.monotonic() - began) * 1000
opened = statistics.median(timed(lambda: psycopg.connect(os.environ["DATABASE_URL"]).close()) for _ in range({REQUESTS // 4}))
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    asked = statistics.median(timed(lambda: connection.execute("select 1")) for _ in range({REQUESTS}))
print(json.dumps({{"opened_ms": opened, "asked_ms": asked}}))
"""


def tls(lab: Lab, rounds: int) -> str:
    """The same page through a balancer, and the same question to the database, both ways in turns."""
    sealed = cluster.site(lab, "sealed", site_version="first")
    bare = cluster.site(lab, "bare", site_version="first", site_app_tls_enabled=False, postgresql_tls_required=False)
    for site in (sealed, bare):
        tell(f"converge {site.name}")
        site.play("site").must_succeed()
    asked: tuple[tuple[str, str, Measure], ...] = (
        ("a request from balancer to application host, ms", "one_ms", _balanced),
        ("requests a second", "a_second", _balanced),
        ("opening a connection to the database, ms", "opened_ms", _connected),
        ("a small query on an open one, ms", "asked_ms", _connected),
    )
    rows = [_row(what, *_both(rounds, sealed, bare, measure, key)) for what, key, measure in asked]
    return "\n".join(["| what | with TLS | without |", "|---|---|---|", *rows])


def _both(rounds: int, sealed: Fleet, bare: Fleet, measure: Measure, key: str) -> tuple[list[float], list[float]]:
    return in_turns(rounds, lambda _: measure(sealed)[key], lambda _: measure(bare)[key])


def _row(what: str, with_tls: list[float], without: list[float]) -> str:
    return f"| {what} | {_spread(with_tls)} | {_spread(without)} |"


def _spread(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.2f} ({ordered[0]:.2f} to {ordered[-1]:.2f})"


def _balanced(site: Fleet) -> dict[str, float]:
    script = f"python3 - /run/haproxy-sites/{site.name}.sock {site.domain} <<'END'\n{ASK}END"
    measured: dict[str, float] = json.loads(site.lab.lb.run(script))
    return measured


def _connected(site: Fleet) -> dict[str, float]:
    environment = f"$(sed 's/\"//g' {site.root}/etc/environment | grep -E '^(DATABASE_URL|PGSSL)')"
    given = "PGSSLMODE=disable" if site.name == "bare" else ""
    python = f"{site.root}/current/venv/bin/python"
    command = f"cd /; runuser -u {site.name} -- env {environment} {given} {python} - <<'END'\n{CONNECT}END"
    measured: dict[str, float] = json.loads(site.app.run(command))
    return measured
