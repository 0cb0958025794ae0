# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a timer of a site now, pause it, or have it run again."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers

SPEC: dict[str, Any] = {
    **SITE,
    "timer": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["run", "paused", "resumed"], "required": True},
    "by": {"type": "str", "default": ""},
    "wait_seconds": {"type": "int", "default": 60},
}
POLL_SECONDS = 1.0
SHOWN_LINES = 20
GOOD = "done"
UNTIL = {"paused": "pause", "resumed": "resume"}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, bring)


def bring(module: Call) -> dict[str, Any]:
    """Do it.

    :raises Trouble: there is no such timer, or its run did not end well.
    """
    site, name, state = site_of(module), module.params["timer"], module.params["state"]
    timers = Timers(site)
    if name not in timers.known:
        raise Trouble(
            f"{site.name} has no timer {name!r} on {os.uname().nodename}.",
            f"It has: {', '.join(timers.known) or 'none'}. After a change of site_timers, run playbooks/site.yml first.",
        )
    if module.check_mode:
        return {"changed": True, "output": "(not done in check mode)"}
    if state == "run":
        return {"changed": True, "output": run_now(timers, name, module.params["wait_seconds"])}
    who = [module.params["by"] or "somebody"] if state == "paused" else []
    changed = bool(timers.ask(UNTIL[state], name, *who)["changed"])
    said = "is paused on all hosts" if state == "paused" else "runs again when it is due"
    return {"changed": changed, "output": f"{name} {said}."}


def run_now(timers: Timers, name: str, wait_seconds: float) -> str:
    """Run a timer now, and return how it ended, or that it goes on.

    :raises Trouble: it failed, or was left out.
    """
    microseconds = time.time_ns() // 1000
    unit = f"{timers.site.name}-timer-{name}@now-{microseconds}.service"
    if systemctl("start", unit).code:
        raise Trouble(f"{unit} does not start on {os.uname().nodename}.", f"See there: journalctl -u {unit}")
    deadline = time.monotonic() + wait_seconds
    while unit in timers.runs():
        if time.monotonic() >= deadline:
            return f"{name} goes on, on {os.uname().nodename}: {unit}. playbooks/status.yml tells how it ends."
        time.sleep(POLL_SECONDS)
    printed = journal(f"--unit={unit}", SHOWN_LINES)
    outcome = timers.ask("outcome", name, str(microseconds))
    if outcome.get("result") != GOOD:
        how = " ".join(filter(None, [str(outcome.get("result", "did not begin")), outcome.get("detail", "")]))
        raise Trouble(
            f"The timer {name} of {timers.site.name} on {os.uname().nodename}: {how}.",
            f"Its whole log: journalctl -u {unit}",
            printed,
        )
    return f"{name} is done, in {outcome['seconds']:.1f} s on {os.uname().nodename}.\n{printed}".strip()
