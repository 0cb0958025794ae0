# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a fleet though each of its hosts is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.fleet_release import fleet_release

NAMES_AT_MOST = 8
# A takeover takes less. Shorter gaps are those of a deploy.
AWAY_SECONDS = 30
GAP_SECONDS = 5
# How a term ended, on which host.
ENDS = {"lost": "was lost with", "failed": "failed on", "done": "was ended on"}


def fleet_problems(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the problems of the hosts together.

    :param statuses: what ``site_status`` found, by host.
    """
    return [*_mixed(statuses), *_timers(statuses), *_singles(statuses)]


def fleet_verbs(statuses: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs that have changed hosts, in order of time, each with its hosts; where it has failed, with which of them.

    :param statuses: of all hosts, of which those that were asked have ``verbs``.
    """
    found: dict[str, dict[str, Any]] = {}
    for host, status in statuses.items():
        for run in status.get("verbs", []):
            whole = found.setdefault(run["run"], {**run, "hosts": [], "steps": [], "failed": [], "open": []})
            whole["hosts"].append(host)
            whole["at"], whole["until"] = min(whole["at"], run["at"]), max(whole["until"], run["until"])
            whole["steps"] = list(dict.fromkeys([*whole["steps"], *run["steps"]]))
            whole["failed"] += [f"{host}, {said}" for said in run["failed"]]
            whole["open"] += [f"{host}, {step}" for step in run.get("open", [])]
    return sorted(found.values(), key=lambda run: str(run["at"]))


def fleet_timers(statuses: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return what is known of each timer: of that, all hosts know the same."""
    return {name: seen for status in statuses.values() for name, seen in status.get("timers", {}).items()}


def fleet_singles(statuses: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return what is known of each worker of which one alone runs: all hosts know the same."""
    return {name: seen for status in statuses.values() for name, seen in status.get("singles", {}).items()}


def fleet_gaps(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the times of the last day at which no host ran a worker of which one alone does, before the term that goes on."""
    found = []
    for name, seen in fleet_singles(statuses).items():
        before = seen["before"]
        if before and before["gap_seconds"] >= GAP_SECONDS and before["days"] <= 1:
            found.append(
                f"no host ran the worker {name} from {before['until']}, when it {ENDS[before['result']]} {before['host']}, "
                f"until {seen['since']}, when {seen['host']} began: what was due in these {before['gap_seconds']:.0f} s was "
                "not scheduled in time"
            )
    return found


def _singles(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    for name, seen in fleet_singles(statuses).items():
        if seen["away_seconds"] is None:
            found.append(
                f"the worker {name}, of which one alone runs, has not run on any host yet: see journalctl -u '*-worker-{name}@*'"
            )
        elif seen["away_seconds"] >= AWAY_SECONDS:
            found.append(
                f"the worker {name}, of which one alone runs, runs on no host since {seen['seen']}, when it was on "
                f"{seen['host']}: see journalctl -u '*-worker-{name}@*'"
            )
    return found


def _timers(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    for name, seen in fleet_timers(statuses).items():
        run = seen["last"]
        if run and run["result"] not in ("done", "stopped"):
            how = f"{run['result']}{': ' if run['detail'] else ''}{run['detail']}"
            found.append(
                f"the last run of the timer {name}, due {run['due']}, on {run['host']}: {how}. "
                f"See there: journalctl -u '*-timer-{name}@*'"
            )
        missed = [status["timers"][name]["missed"] for status in statuses.values() if name in status.get("timers", {})]
        if any(missed):
            found.append(f"the timer {name} was due {max(missed)}, and no host has run it: see journalctl -u '*-timer-{name}@*'")
    return found


def _mixed(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    served: dict[str, list[str]] = {}
    for host, status in statuses.items():
        if status.get("release"):
            served.setdefault(status["release"], []).append(host)
    if len(served) < 2:
        return []
    mix = "; ".join(f"{release} on {_names(hosts)}" for release, hosts in sorted(served.items()))
    return [
        f"the application hosts serve different releases: {mix}. Run playbooks/site.yml, which brings all to {_common(served)}, "
        "or playbooks/deploy.yml for a new one."
    ]


def _common(served: Mapping[str, Sequence[str]]) -> str:
    """Return the release to which the next run of the playbook site brings every host."""
    answers = {
        host: {"release": release, "built": [release], "known": {release: {"version": "", "commit": ""}}}
        for release, hosts in served.items()
        for host in hosts
    }
    return str(fleet_release(answers)["id"])


def _names(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - NAMES_AT_MOST} more" if len(hosts) > NAMES_AT_MOST else ""
    return ", ".join(hosts[:NAMES_AT_MOST]) + more
