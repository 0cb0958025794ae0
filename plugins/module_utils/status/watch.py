# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that looks at a host by a timer, tells of troubles and releases, and gives a sign of life while all is well."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of
from ansible_collections.hotclub.django.plugins.module_utils.status.deploys import Deploys
from ansible_collections.hotclub.django.plugins.module_utils.status.host import in_time, look_at_host
from ansible_collections.hotclub.django.plugins.module_utils.status.metrics import exposition
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import NotToldError, ask_for, listener_of, tell
from ansible_collections.hotclub.django.plugins.module_utils.status.troubles import Troubles, message
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import SETTINGS, Memory, Watch, read, with_defaults

# As site_deploy_lock_seconds has it by default.
LEASE_SECONDS = 900
HEARTBEAT = "the sign of life to site_heartbeat_url"


def main() -> None:
    """Look once."""
    os.environ["PATH"] = PATH
    watch = Watch(sys.argv[1])
    said, memory = read(watch.settings), Memory(watch)
    if not said:
        raise SystemExit(f"{watch.settings} can't be read, so nobody is told of trouble: run playbooks/site.yml")
    wanted = with_defaults(said, SETTINGS)
    try:
        status, found = look(wanted["look"])
        problems = [*found, *memory.problems]
        if wanted["metrics"]:
            write_metrics(watch, exposition(watch.site, status, problems, time.time()))
        untold = turn(watch.site, wanted, memory, problems)
    except OSError as error:
        # Whoever is told what nobody remembers is told the same at every look.
        raise SystemExit(f"nobody is told of trouble, since that can't be remembered: {error}") from error
    for what, why in untold.items():
        sys.stderr.write(f"{what} fails: {why}\n")


def look(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return how the host is, and what is wrong with it. That it can't be looked at is wrong, too."""
    try:
        status = look_at_host(wanted, in_time)
        expected = status["unsettled"] if is_changed(Site.at(wanted["name"], wanted["root"])) else ()
        return status, [str(problem) for problem in status["problems"] if problem not in expected]
    except Exception as error:  # whatever it is, somebody must be told
        return {}, [f"the host can't look at itself ({type(error).__name__}: {error})"]


def write_metrics(watch: Watch, said: str) -> None:
    """Write the metrics where the host's exporter reads them, if it is there; a disk that takes nothing is told otherwise."""
    with contextlib.suppress(OSError):
        if watch.metrics.parent.is_dir():
            write_atomically(watch.metrics, said)


def is_changed(site: Site) -> bool:
    """Say whether somebody deploys, and shows signs of life."""
    holder = holder_of(site.lock_file)
    return bool(holder) and holder["age_seconds"] < max(LEASE_SECONDS, int(holder.get("silent_seconds", 0)))


def turn(site: str, wanted: Mapping[str, Any], memory: Memory, problems: list[str]) -> dict[str, str]:
    """Tell what has to be told, and return what could not be, with why. What was told is remembered before anything else is.

    :param wanted: the settings.
    :param memory: has what the look before has kept.
    :raises OSError: nothing can be remembered.
    """
    troubles = Troubles(memory.known, wanted["after_looks"])
    troubles.meet(problems, time.time())
    listeners = {listener_of(url): url for url in wanted["urls"]}
    troubles.have(list(listeners))
    deploys = Deploys.of(wanted["look"], memory.known)
    deploys.have(list(listeners) if wanted["deploys"] else [])
    untold: dict[str, str] = {}

    def keep() -> bool:
        return memory.keep({**troubles.kept(), "deploys": deploys.known, "looked": time.time(), "untold": untold})

    kept = keep()
    for number, (listener, url) in enumerate(listeners.items(), 1):
        messages: list[tuple[tuple[str, str], Callable[[], None]]] = []
        if news := troubles.news(listener):
            messages.append((message(site, wanted["host"], news), partial(troubles.note, listener, news)))
        if served := deploys.news(listener):
            messages.append((deploys.message(served), partial(deploys.note, listener, served)))
        for said, note in messages:
            try:
                tell(url, *said)
                note()
            except NotToldError as error:
                untold[f"telling number {number} of site_alert_urls ({url.partition('://')[0]})"] = str(error)
            kept = keep()
    # Nobody hears of trouble whom no message reaches, but for the silence that an outside watcher notices.
    if wanted["heartbeat_url"] and kept and not untold and troubles.all_is_well():
        try:
            ask_for(wanted["heartbeat_url"])
        except NotToldError as error:
            untold[HEARTBEAT] = str(error)
            keep()
    return untold
