# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The deployment lock of a site on a host: a file that says who holds it, kept fresh by whoever works under it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

# Far below the shortest time after which anybody would take a lock over.
RENEWAL_SECONDS = 20.0


def holder_of(file: Path) -> dict[str, Any]:
    """Return the holder of a lock with the lock's age in seconds; empty when it is free."""
    try:
        holder = json.loads(file.read_text())
        age = time.time() - file.stat().st_mtime
    except (OSError, ValueError):
        return {}
    return {**holder, "age_seconds": int(age)} if isinstance(holder, dict) else {}


def refuse_without(file: Path, run: str, name: str) -> None:
    """Refuse to work for a run that holds the lock no more: another one may have done its work meanwhile.

    :param name: of the site.
    :raises Trouble: somebody else holds it, or nobody.
    """
    holder = holder_of(file)
    if holder.get("run") == run:
        return
    if holder:
        now = f"{holder.get('user')} on {holder.get('host')} holds it since {holder.get('since')}: {holder.get('what')}"
    else:
        now = "another run had it meanwhile, and has ended"
    raise Trouble(
        f"This run has lost the deployment lock of {name} on {os.uname().nodename}, so it changes nothing more there: {now}.",
        "It showed no sign of life for too long. See what serves with playbooks/status.yml, then run this again where needed.",
    )


@contextlib.contextmanager
def renewed(file: Path, run: str, seconds: float = RENEWAL_SECONDS) -> Iterator[None]:
    """Show that whoever holds a lock is alive for as long as the block runs."""
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(file, run, seconds, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join()


def _renew(file: Path, run: str, seconds: float, ended: threading.Event) -> None:
    while True:
        if holder_of(file).get("run") == run:
            with contextlib.suppress(OSError):
                os.utime(file)
        if ended.wait(seconds):
            return
