# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking the deployment lock of a site on a host, and letting it go."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, now
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of


@dataclass(frozen=True)
class Asking:
    """Who asks for the lock, and when another holder counts as dead."""

    # Account, machine, process and run.
    who: Mapping[str, Any]
    what: str
    # A run whose process is known to be gone.
    dead_run: str = ""
    lease_seconds: int = 900
    # For how long this one may give no sign of life, where that is longer than a lease.
    silent_seconds: int = 0
    # For a step that an interrupted deployment left running on the host.
    wait_seconds: int = 300

    @property
    def run(self) -> str:
        """What tells this run from every other."""
        return str(self.who.get("run", ""))


@dataclass(frozen=True)
class Answer:
    """Whether the lock is held now, and by whom it was."""

    held_by: Mapping[str, Any]
    taken_over: Mapping[str, Any]
    # Whether it was free, or taken over, rather than this run's already.
    is_new: bool = False


def take(site: Site, asking: Asking) -> Answer:
    """Take the lock, or say who has it.

    :raises Trouble: a step of whoever had it does not end.
    """
    holder = holder_of(site.lock_file)
    if holder and holder.get("run") == asking.run:
        return Answer({}, {})
    if holder and holder.get("run") != asking.dead_run and holder["age_seconds"] < lease_of(holder, asking):
        return Answer(holder, {})
    # Whoever was interrupted may have left a step that still works on this host: let it end.
    with site.step(asking.wait_seconds):
        there = holder_of(site.lock_file)
        if there.get("run") != holder.get("run"):
            return Answer(there, {})
        written = {**asking.who, "what": asking.what, "since": now(), "silent_seconds": asking.silent_seconds}
        write_atomically(site.lock_file, json.dumps(written, sort_keys=True) + "\n")
    return Answer({}, holder, is_new=True)


def lease_of(holder: Mapping[str, Any], asking: Asking) -> int:
    """Return after how many seconds without a sign of life a holder counts as dead: at once for whoever says 0."""
    return max(asking.lease_seconds, int(holder.get("silent_seconds", 0))) if asking.lease_seconds else 0


def let_go(site: Site, run: str) -> None:
    """Let the lock go when it is this run's."""
    if holder_of(site.lock_file).get("run") == run:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(site.lock_file)


@contextlib.contextmanager
def held(site: Site, asking: Asking) -> Iterator[Answer]:
    """Hold the lock while the block runs, where nobody else does, and let it go unless this run had it before.

    Nobody has to ask who is not known: a step that is called by itself.
    """
    if not asking.run:
        yield Answer({}, {})
        return
    answer = take(site, asking)
    try:
        yield answer
    finally:
        if answer.is_new:
            let_go(site, asking.run)
