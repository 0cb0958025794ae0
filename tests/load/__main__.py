"""The command line of the load generator."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.load.generator import Generator, Plan
from tests.load.verdict import judge


def main() -> int:
    options = parse()
    plan = Plan(
        url=options.url,
        host=options.host,
        authority=options.authority,
        rate=options.rate,
        seconds=options.seconds,
        post_every=options.post_every,
        fresh_every=options.fresh_every,
    )
    outcomes = asyncio.run(Generator(plan).run())
    verdict = judge(outcomes)
    print(verdict)
    if options.json:
        options.json.write_text(json.dumps([outcome.as_dict() for outcome in outcomes], indent=1), encoding="utf-8")
    return 1 if verdict.failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description="Put a site under constant load.")
    parser.add_argument("url", help="what to ask for, such as https://10.0.0.2/")
    parser.add_argument("--host", default="", help="the site's domain, where the address does not name it")
    parser.add_argument("--authority", default="", help="the certificate of the authority to trust instead of the machine's")
    parser.add_argument("--rate", type=float, default=60, help="requests a second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="for how long (%(default)s)")
    parser.add_argument("--post-every", type=int, default=0, help="every n-th request is a POST; 0: none (%(default)s)")
    parser.add_argument("--fresh-every", type=int, default=3, help="every n-th request opens a connection (%(default)s)")
    parser.add_argument("--json", type=Path, help="write each request's outcome to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
