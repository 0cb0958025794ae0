"""The command line of the measurements."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import converging, deploying, hosts, serving
from bench.measure import Comparison, table, tell

MEASUREMENTS: Mapping[str, Callable[[int], list[Comparison]]] = {
    "unchanged": deploying.unchanged,
    "deploy": deploying.code_only,
    "requirements": deploying.with_requirements,
    "serving": serving.serving,
}


def main() -> None:
    options = parse()
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
    text = table(rows)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if not options.keep:
        hosts.remove(hosts.OURS)
        hosts.remove(hosts.REFERENCE)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the collection against plain scripts.")
    known = ("converge", *MEASUREMENTS)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"which ones, of {', '.join(known)}; none: all")
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turns (%(default)s)")
    parser.add_argument("--suite", default="trixie", help="what the hosts run (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running, for a measurement by name")
    parser.add_argument("--out", type=Path, help="write the table into this file as well")
    options = parser.parse_args()
    if unknown := [name for name in options.what if name not in known]:
        parser.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    main()
