# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that looks at a host by a timer, tells of troubles, and gives a sign of life while there are none."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of
from ansible_collections.hotclub.django.plugins.module_utils.status.host import look_at_host
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import NotToldError, ask_for, listener_of, tell
from ansible_collections.hotclub.django.plugins.module_utils.status.troubles import Troubles, message
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Watch, read

# As site_deploy_lock_seconds has it by default.
LEASE_SECONDS = 900
HEARTBEAT = "the sign of life to site_heartbeat_url"


def main() -> None:
    """Look once."""
    os.environ["PATH"] = PATH
    watch = Watch(sys.argv[1])
    wanted, known = read(watch.settings), read(watch.state)
    state = turn(wanted, known, problems_of(wanted["look"]))
    put(watch.state, json.dumps(state, indent=1) + "\n", 0o600)
    for what, why in state["untold"].items():
        sys.stderr.write(f"{what} fails: {why}\n")


def problems_of(wanted: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the host. That it can't be looked at is wrong, too."""
    try:
        status = look_at_host(wanted)
        expected = status["unsettled"] if is_changed(Site.at(wanted["name"], wanted["root"])) else ()
        return [str(problem) for problem in status["problems"] if problem not in expected]
    except Exception as error:  # whatever it is, somebody must be told
        return [f"the host can't look at itself ({type(error).__name__}: {error})"]


def is_changed(site: Site) -> bool:
    """Say whether somebody deploys, and shows signs of life."""
    holder = holder_of(site.lock_file)
    return bool(holder) and holder["age_seconds"] < max(LEASE_SECONDS, int(holder.get("silent_seconds", 0)))


def turn(wanted: Mapping[str, Any], known: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Tell what has to be told, and return what the next look has to know.

    :param wanted: the settings.
    :param known: what the look before has returned.
    """
    troubles = Troubles(known, wanted["after_looks"])
    troubles.meet(problems, time.time())
    listeners = {listener_of(url): url for url in wanted["urls"]}
    troubles.have(list(listeners))
    untold: dict[str, str] = {}
    for number, (listener, url) in enumerate(listeners.items(), 1):
        news = troubles.news(listener)
        if news:
            try:
                tell(url, *message(wanted["look"]["name"], wanted["host"], news))
                troubles.note(listener, news)
            except NotToldError as error:
                untold[f"telling number {number} of site_alert_urls ({url.partition('://')[0]})"] = str(error)
    # Nobody hears of trouble whom no message reaches, but for the silence that an outside watcher notices.
    if wanted["heartbeat_url"] and not untold and troubles.all_is_well():
        try:
            ask_for(wanted["heartbeat_url"])
        except NotToldError as error:
            untold[HEARTBEAT] = str(error)
    return {**troubles.kept(), "looked": time.time(), "untold": untold}
