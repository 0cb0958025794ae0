"""The command line of the measurements."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench import balancing, cluster, converging, deploying, faults, growing, hosts, serving, tiers
from bench.measure import Comparison, table, tell
from tests.behaviour.kit.lab import Lab

MEASUREMENTS: Mapping[str, Callable[[int], list[Comparison]]] = {
    "unchanged": deploying.unchanged,
    "deploy": deploying.code_only,
    "requirements": deploying.with_requirements,
    "serving": serving.serving,
}
# On a cluster, by name only; each makes a table of its own.
OF_CLUSTERS: Mapping[str, Callable[[Lab, int], str]] = {
    "balancing": balancing.balancing,
    "faults": faults.faults,
    "inventory": growing.inventory,
    "fleet": growing.deploy,
    "tls": tiers.tls,
}


def main() -> None:
    options = parse()
    texts = []
    if of_clusters := [name for name in options.what if name in OF_CLUSTERS]:
        texts += measure_clusters(of_clusters, options)
    if len(of_clusters) < len(options.what) or not options.what:
        texts.append(measure_pairs(options))
    text = "\n\n".join(texts)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def measure_clusters(names: list[str], options: argparse.Namespace) -> list[str]:
    """Measure on one cluster."""
    cluster.make_repository()
    lab = cluster.start(options.prefix, options.suite, options.apps)
    tables = []
    for name in names:
        tell(name)
        measure = (
            partial(growing.deploy, cpus=options.host_cpus, at_once=options.at_once) if name == "fleet" else OF_CLUSTERS[name]
        )
        tables.append(measure(lab, options.rounds))
    if not options.keep:
        cluster.remove(options.prefix, options.apps)
    return tables


def measure_pairs(options: argparse.Namespace) -> str:
    """Measure the collection's host and the one that it is compared with."""
    hosts.make_repository()
    rows: list[Comparison] = []
    if not options.what or "converge" in options.what:
        tell("converge")
        rows += converging.first(options.rounds, options.suite)
    else:
        hosts.start(hosts.OURS, options.suite)
        hosts.start(hosts.REFERENCE, options.suite)
    for name, measure in MEASUREMENTS.items():
        if not options.what or name in options.what:
            tell(name)
            rows += measure(options.rounds)
    if not options.keep:
        hosts.remove(hosts.OURS)
        hosts.remove(hosts.REFERENCE)
    return table(rows)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the collection against plain scripts.")
    known = ("converge", *MEASUREMENTS, *OF_CLUSTERS)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help=f"which ones, of {', '.join(known)}; none: all but those of clusters ({', '.join(OF_CLUSTERS)})",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turns (%(default)s)")
    parser.add_argument("--suite", default="trixie", help="what the hosts run (%(default)s)")
    parser.add_argument("--prefix", default=hosts.PREFIX, help="what the names of a cluster's hosts begin with (%(default)s)")
    parser.add_argument("--apps", type=int, help="a cluster with so many application hosts, one balancer and one database")
    parser.add_argument(
        "--host-cpus", type=float, help="for fleet: cores that each host may take while it deploys, such as 0.15; all when absent"
    )
    parser.add_argument("--at-once", action="store_true", help="for fleet: all hosts switch at once, no host goes first")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running, for a measurement by name")
    parser.add_argument("--out", type=Path, help="write the table into this file as well")
    options = parser.parse_args()
    if unknown := [name for name in options.what if name not in known]:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    main()
