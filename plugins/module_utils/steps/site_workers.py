# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let what a site has in the background on this host finish, or have other workers and timers take over."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import LOCKED, SITE, carry_out, run_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Workers

SPEC: dict[str, Any] = {**SITE, **LOCKED, "state": {"type": "str", "choices": ["finished", "renewed"], "required": True}}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, bring)


def bring(module: Call) -> dict[str, Any]:
    """Bring them there."""
    site, finished = site_of(module), module.params["state"] == "finished"
    current = site.current()
    if not current:
        return {"changed": False}
    workers, timers = Workers(site), Timers(site)
    if module.check_mode:
        there = workers.instances() or timers.there() or Commands(site).running()
        return {"changed": bool(there if finished else workers.known.units)}
    # A run that holds the deployment lock is alive for as long as it waits; some that come here hold none.
    run = run_of(module)
    with site.step(wait_seconds=300, run=run if holder_of(site.lock_file).get("run") == run else ""):
        # Their packages are upgraded by now, or their database was away: a refusal would leave them as they are.
        if finished:
            # What the last of them has queued is done by workers that are told to finish after it.
            return {"changed": any([timers.end(), Commands(site).end(), workers.end()])}
        return {"changed": any([workers.change_over(current, renewed=True, back=True), timers.settle()])}
