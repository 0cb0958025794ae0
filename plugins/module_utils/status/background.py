# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the workers and timers do on one host, and who runs what one host alone may run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import properties_of, seconds_since
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers, ask_program
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import FAILED, Instance, Workers

# How systemd says that a unit was ended by force: after its seconds, by somebody else, by the kernel for its memory.
KILLED = ("timeout", "signal", "oom-kill")
SHOWN = ("ActiveState", "SubState", "NRestarts", "Result", "StateChangeTimestamp", "TimeoutStopUSec")


def look_at_workers(site: Site, status: dict[str, Any]) -> None:
    """Say which workers run, which finish the tasks of an older release, and which were killed before they had."""
    workers = Workers(site)
    there, pointed, current = workers.instances(), workers.pointed(), site.current()
    if not there and not workers.known.units:
        return
    shown = properties_of([workers.unit(instance) for instance in there], *SHOWN)
    running = {(instance.worker, instance.name) for instance in there if instance.runs}
    for worker in workers.known.units:
        name = pointed.get(worker, "")
        if (worker, name) not in running:
            _unsettled(f"the worker {worker} does not run: run playbooks/site.yml", status)
        elif name.split(".")[0] != current:
            _unsettled(f"the worker {worker} runs {name.split('.')[0]} instead of {current}: run playbooks/site.yml", status)
    for instance in there:
        unit = workers.unit(instance)
        _look_at_instance(instance, unit, pointed.get(instance.worker) == instance.name, shown.get(unit, {}), status)
    finishing = [instance for instance in there if instance.finishes]
    status["workers"] = {"running": len(running), "finishing": len(finishing)}


def _look_at_instance(instance: Instance, unit: str, wanted: bool, shown: dict[str, str], status: dict[str, Any]) -> None:
    since = shown.get("StateChangeTimestamp", "")
    if instance.finishes:
        status["remarks"].append(
            f"the worker {instance.worker} of release {instance.release} finishes its tasks since {since}, "
            f"and is killed after {shown.get('TimeoutStopUSec', '')} ({unit})"
        )
    elif instance.state == FAILED:
        # Nobody can mend it, and it is said until the next change of the workers.
        what = "was killed before it had finished its tasks" if shown.get("Result") in KILLED else "has failed"
        status["remarks"].append(
            f"the worker {instance.worker} of release {instance.release} {what}, {since}: journalctl -u {unit}"
        )
    elif instance.runs and not wanted:
        _unsettled(f"the worker {instance.worker} runs twice, as {unit} too: run playbooks/site.yml", status)
    elif shown.get("SubState") == "auto-restart":
        status["problems"].append(f"the worker {instance.worker} ends again and again: journalctl -u {unit}")
    elif instance.runs and shown.get("NRestarts", "0") != "0":
        status["remarks"].append(f"the worker {instance.worker} was restarted {shown['NRestarts']} times: journalctl -u {unit}")


def _unsettled(problem: str, status: dict[str, Any]) -> None:
    """Name a problem that is none while somebody deploys."""
    status["problems"].append(problem)
    status["unsettled"].append(problem)


def look_at_singles(site: Site, status: dict[str, Any]) -> None:
    """Say of each worker of which one alone may run on which host it does, since when, and where it was before."""
    if not (names := Workers(site).known.singles):
        return
    try:
        told = ask_program(site, "singles")
    except Trouble as trouble:
        status["problems"].append(" ".join(str(trouble).split()))
        return
    status["singles"] = {name: single_of(told.get(name, {})) for name in names}


def single_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of such a worker as a status has it, with times as people read them."""
    began = told.get("began")
    before: Mapping[str, Any] = next(iter(told.get("before", [])), {})
    return {
        "host": told.get("host", ""),
        "release": told.get("release", ""),
        "runs": bool(told.get("runs")),
        "since": read(began),
        "seen": read(told.get("seen")),
        # For how long nobody is known to have run it.
        "away_seconds": 0 if told.get("runs") else round(told["now"] - told["seen"]) if told.get("seen") else None,
        "before": {
            "host": before["host"],
            "result": before["result"],
            "until": read(before["seen"]),
            "gap_seconds": round(began - before["seen"], 1),
            "days": round((told["now"] - began) / DAY_SECONDS, 2),
        }
        if before and began
        else {},
    }


def look_at_timers(site: Site, status: dict[str, Any]) -> None:
    """Say of each timer how its last runs ended, on whichever host, and when it is due next."""
    timers = Timers(site)
    if not timers.known:
        return
    units = {name: timers.unit(name) for name in timers.known}
    shown = properties_of(list(units.values()), "ActiveState", "ActiveEnterTimestampMonotonic")
    for name, unit in units.items():
        if shown.get(unit, {}).get("ActiveState") != "active":
            status["problems"].append(f"the timer {name} is not called by systemd: run playbooks/site.yml")
    try:
        told = timers.ask("look")
    except Trouble as trouble:
        status["problems"].append(" ".join(str(trouble).split()))
        return
    began = {name: seconds_since(shown.get(unit, {}).get("ActiveEnterTimestampMonotonic", "")) for name, unit in units.items()}
    status["timers"] = {name: timer_of(seen, began.get(name)) for name, seen in told.items()}


def timer_of(seen: Mapping[str, Any], since: float | None) -> dict[str, Any]:
    """Return what is known of a timer as a status has it, with times as people read them.

    :param since: for how many seconds systemd has called it on this host; before, nobody would have.
    """
    called = since is not None and time.time() - since < seen["due"]
    return {
        "calendar": seen["calendar"],
        "next": read(seen["next"]),
        "paused": read(seen["paused"]),
        "paused_by": seen["paused_by"],
        "missed": read(seen["due"]) if called and not seen["paused"] and (seen["taken"] or 0) < seen["due"] else "",
        "runs": [run_of(run) for run in seen["runs"]],
        # A program of before the last run of the playbook site doesn't tell it.
        "last": run_of(seen["last"]) if seen.get("last") else {},
    }


def run_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run with its times as people read them."""
    return {**run, **{moment: read(run[moment]) for moment in ("due", "began", "ended")}}


def read(moment: float | None) -> str:
    """Return a moment as people read it, in UTC; empty for none."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment)) if moment else ""
