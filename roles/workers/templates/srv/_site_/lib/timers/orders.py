"""What the program is asked for, by its units and by runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import calendars
from database import AwayError, RefusedError
from firing import Order, fire
from guard import Watch, watch
from ledger import Ledger
from singles import Singles

SHOWN_RUNS = 10
# A run may begin so much later: systemd's accuracy, and a failover of the database.
LATE_SECONDS = 120
COMMAND = "--"

# Everything of the site lies below it.
HOME = Path(__file__).resolve().parents[2]


def main(words: Sequence[str], home: Path = HOME) -> int:
    """Do what was asked, and return the exit status."""
    own, command = parted(words)
    asked = parser().parse_args(own)
    if asked.verb == "run":
        order = Order(asked.name, asked.instance, asked.calendar, asked.limit, asked.overlap, asked.catch_up, command)
        return fire(order, home, os.environ)
    if asked.verb == "guard":
        return watch(Watch(asked.name, asked.unit, command), home, os.environ)
    try:
        if asked.verb == "singles":
            print(json.dumps(Singles(os.environ.get("DATABASE_URL", "")).look()))
            return 0
        ledger = Ledger(os.environ.get("DATABASE_URL", ""))
        print(json.dumps(answer(asked, ledger, home)))
    except (AwayError, RefusedError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def parted(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the words for this program and, from after the first ``--`` on, those of a command, which has options of its own."""
    at = words.index(COMMAND) if COMMAND in words else len(words)
    return words[:at], words[at + 1 :]


def parser() -> argparse.ArgumentParser:
    """Return what reads the words."""
    top = argparse.ArgumentParser(prog="timers")
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", allow_abbrev=False)
    run.add_argument("--calendar", required=True)
    run.add_argument("--limit", type=float, required=True)
    run.add_argument("--overlap", choices=("skip", "queue", "allow"), required=True)
    run.add_argument("--catch-up", action="store_true")
    run.add_argument("name")
    run.add_argument("instance")
    guard = verbs.add_parser("guard", allow_abbrev=False)
    guard.add_argument("name")
    guard.add_argument("unit")
    verbs.add_parser("singles")
    verbs.add_parser("look")
    pause = verbs.add_parser("pause")
    pause.add_argument("name")
    pause.add_argument("who")
    verbs.add_parser("resume").add_argument("name")
    outcome = verbs.add_parser("outcome")
    outcome.add_argument("name")
    outcome.add_argument("microseconds", type=int)
    return top


def answer(asked: argparse.Namespace, ledger: Ledger, home: Path) -> Any:
    """Return what is printed as JSON."""
    if asked.verb in ("pause", "resume"):
        ledger.prepare()
    if asked.verb == "pause":
        return {"changed": ledger.pause(asked.name, asked.who)}
    if asked.verb == "resume":
        return {"changed": ledger.resume(asked.name)}
    if asked.verb == "outcome":
        return ledger.run(asked.name, asked.microseconds / 1e6)
    # A look creates nothing.
    there, now = ledger.there(), int(time.time())
    known = ledger.timers() if there else {}
    wanted = json.loads((home / "etc" / "timers.json").read_text())
    for name in known.keys() & wanted.keys():
        known[name].update(runs=ledger.runs(name, SHOWN_RUNS), last=ledger.last(name))
    return {name: seen(calendar, known.get(name, {}), now) for name, calendar in wanted.items()}


def seen(calendar: str, known: dict[str, Any], now: int) -> dict[str, Any]:
    """Return what one knows of a timer."""
    due = calendars.last(calendar, now - LATE_SECONDS)
    return {
        "calendar": calendar,
        "paused": known.get("paused"),
        "paused_by": known.get("paused_by", ""),
        "next": next(iter(calendars.following(calendar, now)), None),
        # The last moment that somebody should have taken by now, and the last one that somebody has.
        "due": due,
        "taken": known.get("taken"),
        "runs": known.get("runs", []),
        # Which may be long ago, where many were left out since.
        "last": known.get("last", {}),
    }
