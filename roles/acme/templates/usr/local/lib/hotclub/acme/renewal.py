"""When a certificate is asked for, and how things are."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authority import ask
from certificates import CHAIN, Certificate
from failures import AcmeError
from memory import Memory
from moments import day, minute
from peers import take
from reachability import refuse_unreachable
from serving import is_installed
from settings import Settings


def reasons(settings: Settings, memory: Memory, now: float) -> Iterator[str]:
    """Yield why a certificate is to be issued."""
    there = Certificate.at(settings.newest / CHAIN)
    if there is None:
        yield "there is none yet"
        return
    if sorted(there.names) != sorted(settings.names):
        yield f"it is for {', '.join(sorted(there.names))}"
    if memory.issued.get("directory") != settings.directory:
        yield f"it is from {memory.issued.get('directory', 'elsewhere')}"
    if there.key_type != settings.key_type:
        yield f"its key is {there.key_type}"
    if there.ends - now < (there.ends - there.begins) * settings.renewed_in_the_last:
        yield f"it ends on {day(there.ends)}"


def look(settings: Settings) -> dict[str, Any]:
    """Return how things are."""
    now = time.time()
    memory = Memory.at(settings.state)
    why = list(reasons(settings, memory, now))
    served = Certificate.at(Path(settings.certificate_path) / CHAIN)
    installed = is_installed(settings)
    return {
        "reasons": why,
        "installed": installed,
        "shared": bool(settings.peers),
        # Visitors are not warned: it is an authority's, for all names, and has time left.
        "good": bool(
            installed
            and served
            and served.ends > now
            and set(settings.names) <= set(served.names)
            and memory.issued.get("directory") == settings.directory
        ),
        "expires": day(served.ends) if served else "",
        "failure": memory.failure.get("message", ""),
        "waits_until": minute(until) if why and (until := memory.waits_until(settings, now)) else "",
    }


def renew(settings: Settings) -> None:
    """Have a certificate issued if there is a reason to."""
    now = time.time()
    asked_for = settings.state / "renew-now"
    with (settings.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ordered = asked_for.exists()
        if not ordered:
            take(settings, now)
        memory = Memory.at(settings.state)
        why = list(reasons(settings, memory, now)) or (["it was asked for"] if ordered else [])
        asked_for.unlink(missing_ok=True)
        if not why:
            memory.forget_failure()
            print("The certificate is as it should be.")
            return
        if until := memory.waits_until(settings, now):
            raise AcmeError(f"{memory.failure['message']}\nNothing is asked before {minute(until)}.", memory.failure["kind"])
        print(f"A certificate for {', '.join(settings.names)} is asked for: {'; '.join(why)}.", flush=True)
        try:
            if settings.challenge == "http" and settings.reachability_check:
                refuse_unreachable(settings)
            ask(settings)
        except AcmeError as error:
            memory.fail(error, settings, time.time())
            raise
        settings.taken.unlink(missing_ok=True)
        memory.succeed(settings, time.time())
        print("It was issued.")
