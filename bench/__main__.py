"""The command line of the measurements."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import (
    backups,
    balancing,
    checkouts,
    cluster,
    converging,
    deploying,
    earlier,
    faults,
    growing,
    hosts,
    publishing,
    serving,
    telling,
    tiers,
    wide,
)
from bench.measure import Comparison, table, tell
from tests.behaviour.kit.lab import Lab


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says of how to measure."""

    rounds: int
    suite: str
    prefix: str
    commit: str
    apps: int | None
    host_cpus: float | None
    at_once: bool
    short: bool
    mebibytes: int


@dataclasses.dataclass(frozen=True)
class OfServers:
    """A measurement on servers that each have all tiers, or on the hosts of an inventory of its own."""

    measure: Callable[[Options], list[Comparison]]
    hosts: Sequence[str]
    # Run when nothing is named, too.
    usual: bool = True


@dataclasses.dataclass(frozen=True)
class OfClusters:
    """A measurement on a cluster, which makes a table of its own; with so many application hosts, if it says how many."""

    measure: Callable[[Lab, Options], str]
    apps: int | None = None
    balancers: int = 1


BOTH = (hosts.OURS, hosts.REFERENCE)
WITH_EARLIER = (hosts.OURS, hosts.EARLIER)

SERVERS: Mapping[str, OfServers] = {
    # On bare hosts, which it starts itself.
    "converge": OfServers(lambda options: converging.first(options.rounds, options.suite), ()),
    "unchanged": OfServers(lambda options: deploying.unchanged(options.rounds), BOTH),
    "deploy": OfServers(lambda options: deploying.code_only(options.rounds), BOTH),
    "requirements": OfServers(lambda options: deploying.with_requirements(options.rounds), BOTH),
    "serving": OfServers(lambda options: serving.serving(options.rounds, _serving_seconds(options)), BOTH),
    "logging": OfServers(lambda options: serving.logging(options.rounds, _serving_seconds(options)), BOTH, usual=False),
    "nochange": OfServers(lambda options: earlier.unchanged(options.rounds, options.commit), WITH_EARLIER, usual=False),
    "redeploy": OfServers(lambda options: earlier.deploy(options.rounds, options.commit), WITH_EARLIER, usual=False),
    "backups": OfServers(lambda options: backups.unchanged(options.rounds), (hosts.OURS,), usual=False),
    "telling": OfServers(lambda options: telling.unchanged(options.rounds), (hosts.OURS,), usual=False),
    "eight": OfServers(lambda options: wide.unchanged(options.rounds), (hosts.OURS, hosts.EIGHT), usual=False),
}
CLUSTERS: Mapping[str, OfClusters] = {
    "balancing": OfClusters(lambda lab, options: balancing.balancing(lab, options.rounds)),
    "faults": OfClusters(lambda lab, options: faults.faults(lab, options.rounds)),
    "inventory": OfClusters(lambda lab, options: growing.inventory(lab, options.rounds)),
    "fleet": OfClusters(lambda lab, options: growing.deploy(lab, options.rounds, options.host_cpus, options.at_once)),
    "tls": OfClusters(lambda lab, options: tiers.tls(lab, options.rounds)),
    "joining": OfClusters(lambda lab, options: growing.joining(lab, options.rounds), apps=4),
    "static": OfClusters(
        lambda lab, options: publishing.publishing(
            lab, options.rounds, options.commit, options.mebibytes, options.prefix, options.suite
        ),
        apps=1,
        balancers=2,
    ),
}
KNOWN = (*SERVERS, *CLUSTERS)


def main(words: Sequence[str] | None = None) -> None:
    said = parse(words)
    options = Options(**{field.name: getattr(said, field.name) for field in dataclasses.fields(Options)})
    texts = measure_clusters([name for name in said.what if name in CLUSTERS], options, said.keep)
    if servers := [name for name, one in SERVERS.items() if (name in said.what if said.what else one.usual)]:
        texts.append(measure_servers(servers, options, said.keep))
    text = "\n\n".join(texts)
    print(text)
    if said.out:
        said.out.write_text(text + "\n", encoding="utf-8")


def measure_clusters(names: Sequence[str], options: Options, keep: bool) -> list[str]:
    """Measure on clusters, one for all measurements that want the same numbers of hosts."""
    if names:
        cluster.make_repository()
    tables = []
    sizes = {name: (options.apps or CLUSTERS[name].apps, CLUSTERS[name].balancers) for name in names}
    for size in dict.fromkeys(sizes.values()):
        lab = cluster.start(options.prefix, options.suite, *size)
        for name in (name for name in names if sizes[name] == size):
            tell(name)
            tables.append(CLUSTERS[name].measure(lab, options))
        if not keep:
            cluster.remove(options.prefix, *size)
    return tables


def measure_servers(names: Sequence[str], options: Options, keep: bool) -> str:
    """Measure on the hosts that each measurement needs."""
    hosts.make_repository()
    spared = {hosts.EARLIER} - {earlier.host_of(options.commit)}
    started = {hosts.OURS, hosts.REFERENCE}
    rows: list[Comparison] = []
    # What starts bare hosts itself comes first, and leaves them to the others.
    for name in sorted(names, key=lambda name: bool(SERVERS[name].hosts)):
        for which in (which for which in SERVERS[name].hosts if which not in spared):
            hosts.start(which, options.suite)
            started.add(which)
        tell(name)
        rows += SERVERS[name].measure(options)
    if not keep:
        for which in started:
            hosts.remove(which)
    return table(rows)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the collection against other ways and versions."
    )
    unusual = ", ".join([*(name for name, one in SERVERS.items() if not one.usual), *CLUSTERS])
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"which ones, of {', '.join(KNOWN)}; none: all but {unusual}")
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turns (%(default)s)")
    parser.add_argument("--suite", default="trixie", help="what the hosts run (%(default)s)")
    parser.add_argument("--prefix", default=hosts.PREFIX, help="what the names of a cluster's hosts begin with (%(default)s)")
    parser.add_argument(
        "--commit",
        default=checkouts.COMMIT,
        help="for nochange, redeploy and static: the version to compare with (%(default)s), or a dot",
    )
    parser.add_argument("--apps", type=int, help="a cluster with so many application hosts, one balancer and one database")
    parser.add_argument(
        "--host-cpus", type=float, help="for fleet: cores that each host may take while it deploys, such as 0.15; all when absent"
    )
    parser.add_argument("--mebibytes", type=int, default=200, help="for static: how much there is to publish (%(default)s)")
    parser.add_argument("--at-once", action="store_true", help="for fleet: all hosts switch at once, no host goes first")
    parser.add_argument(
        "--short", action="store_true", help="one round, and a second of load: to see that it works, not to measure"
    )
    parser.add_argument("--keep", action="store_true", help="leave the hosts running, for a measurement by name")
    parser.add_argument("--out", type=Path, help="write the table into this file as well")
    options = parser.parse_args(words)
    if unknown := [name for name in options.what if name not in KNOWN]:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    if options.short:
        options.rounds = 1
    return options


def _serving_seconds(options: Options) -> int:
    return serving.SHORT_SECONDS if options.short else serving.SECONDS


if __name__ == "__main__":
    main()
