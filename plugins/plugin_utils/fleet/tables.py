# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a status says of all hosts together, as rows of tables and as sentences, however they are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.status import (
    fleet_gaps,
    fleet_problems,
    fleet_singles,
    fleet_timers,
    fleet_verbs,
)

COLUMNS = (
    "HOST",
    "TIERS",
    "RELEASE",
    "VERSION",
    "SINCE",
    "APP",
    "HEALTH",
    "HTTP",
    "CERTIFICATE",
    "INTERNAL TLS",
    "WORKERS",
    "POOL",
    "MIGRATIONS",
    "DISK FREE",
    "DATABASE",
    "MEMBER",
    "UPDATES",
)
SEEN_BY = "SEEN BY"
VERBS = ("BEGAN", "ENDED", "BY", "FROM", "VERB", "WITH", "HOSTS", "RESULT")
RELEASES = ("BEGAN TO SERVE", "BY", "WHAT", "VERSION", "RELEASE")
SINGLES = ("ON ONE HOST", "HOST", "SINCE", "RELEASE")
TIMERS = ("TIMER", "LAST RUN", "RESULT", "TOOK", "HOST", "NEXT")


@dataclass(frozen=True)
class Table:
    """What is known of one subject."""

    # What it is about, for who sees it without the others.
    subject: str
    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def used(self) -> list[tuple[str, ...]]:
        """Return its names and its rows, without the columns that hold nothing."""
        columns = [column for column in range(len(self.names)) if any(row[column] not in ("", "-") for row in self.rows)]
        return [tuple(row[column] for column in columns) for row in (self.names, *self.rows)]


def tables(statuses: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    """Return a table with a row for each host, and one for each subject of which something is known.

    :param statuses: what ``site_status`` found, by host; an unreachable host has only ``problems``.
    """
    found = [
        Table("Hosts", COLUMNS, [_row(host, status) for host, status in statuses.items()]),
        _table("How balancers see the application hosts", _views(statuses)),
        _table("What runs on one host alone", _singles(statuses)),
        _table("Timers", _timers(statuses)),
        _table("Releases", _releases(statuses)),
        _table("Runs that have changed hosts", _verbs(statuses)),
    ]
    return [table for table in found if table.rows]


def troubles(statuses: Mapping[str, Mapping[str, Any]], site: str) -> list[str]:
    """Return what is wrong, each with the host, or the site, that it is wrong with."""
    of_hosts = [f"{host}: {problem}" for host, status in statuses.items() for problem in status.get("problems", [])]
    return of_hosts + [f"{site}: {problem}" for problem in fleet_problems(statuses)]


def worth_knowing(statuses: Mapping[str, Mapping[str, Any]], site: str, backups: str = "", obstacle: str = "") -> list[str]:
    """Return what is no trouble, and yet to be known.

    :param backups: what backs the site up, in the operator's words.
    :param obstacle: why the database has no backups, in a few words.
    """
    gaps = [f"{site}: {gap}" for gap in fleet_gaps(statuses)]
    return [*_remarks(statuses), *gaps, *_alerts(statuses, site), *_backups(statuses, site, backups, obstacle)]


def _table(subject: str, rows: Sequence[tuple[str, ...]]) -> Table:
    """Return a table of rows whose first one has the names."""
    return Table(subject, rows[0] if rows else (), rows[1:])


def _remarks(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is worth knowing, and no trouble."""
    return [f"{host}: {remark}" for host, status in statuses.items() for remark in status.get("remarks", [])]


def _alerts(statuses: Mapping[str, Mapping[str, Any]], site: str) -> list[str]:
    """Say where nobody is told of trouble, of hosts that could be asked."""
    asked = {host: status.get("watch", {}) for host, status in statuses.items() if "tiers" in status}
    silent = [host for host, watch in asked.items() if not watch.get("tells")]
    if not silent:
        return []
    where = "" if len(silent) == len(asked) else f" of {', '.join(silent)}"
    return [
        f"{site}: nobody is told of trouble{where} by itself. Say in site_alert_urls whom to tell, and run playbooks/site.yml"
    ]


def _backups(statuses: Mapping[str, Mapping[str, Any]], site: str, named: str, obstacle: str) -> list[str]:
    if named:
        return [f"{site}: backups: {named} (as site_backups says, not looked at)"]
    if any("uploads" in status for status in statuses.values()):
        return []
    if any("backups" in status for status in statuses.values()):
        return [f"{site}: no backup of uploads is known; none is made here. Say in site_backups what makes them"]
    if silent := [host for host, status in statuses.items() if "tiers" not in status]:
        return [f"{site}: backups are not known: {', '.join(silent)} could not be asked"]
    why = f", since {obstacle}" if obstacle else ""
    return [f"{site}: no backup of database and uploads is known; none is made here{why}. Say in site_backups what makes them"]


def _row(host: str, status: Mapping[str, Any]) -> tuple[str, ...]:
    pending = status.get("pending_migrations")
    return (
        host,
        ",".join(status.get("tiers", [])),
        str(status.get("release") or "-"),
        str(status.get("version") or "-"),
        _since(str(status.get("since") or "")),
        str(status.get("app") or "-"),
        str(status.get("health") or "-"),
        f"{status['http']} in {status['http_ms']} ms" if status.get("http") else "-",
        f"{status['certificate_days']} days" if "certificate_days" in status else "-",
        f"{status['internal_certificate_days']} days" if "internal_certificate_days" in status else "-",
        _workers(status["workers"]) if "workers" in status else "-",
        _pool(status["pool"]) if "pool" in status else "-",
        "-" if pending is None else f"{len(pending)} pending" if pending else "none pending",
        f"{status['disk_free_mb'] / 1024:.1f} GiB" if "disk_free_mb" in status else "-",
        f"{status['database_mb']} MiB, {status['database_connections']} conn." if "database_mb" in status else "-",
        _member(status["member"]) if "member" in status else "-",
        _updates(status["updates"]) if "updates" in status else "-",
    )


def _releases(statuses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the table of releases, as the first host tells that was asked; none where nobody was."""
    told: Sequence[Mapping[str, Any]] = next((status["history"] for status in statuses.values() if status.get("history")), [])
    names = ("at", "by", "action", "version", "release")
    return [RELEASES, *(tuple(str(entry.get(name) or "-") for name in names) for entry in told)] if told else []


def _verbs(statuses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the table of runs that have changed a host; none where nobody was asked, or none is known."""
    rows = [
        (
            *(str(run.get(name) or "-") for name in ("at", "until", "by", "from", "verb")),
            " ".join(f"{name}={value}" if value else name for name, value in run["arguments"].items()) or "-",
            ",".join(run["hosts"]),
            _end(run),
        )
        for run in fleet_verbs(statuses)
    ]
    return [VERBS, *rows] if rows else []


def _end(run: Mapping[str, Any]) -> str:
    if run["failed"]:
        return f"failed: {run['failed'][-1]}"
    if run["open"]:
        return f"goes on, or was cut off: {run['open'][-1]}"
    return f"changed: {', '.join(run['steps'])}"


def _singles(statuses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the table of workers of which one alone runs; none where there are none."""
    rows = [
        (name, *((seen["host"], seen["since"], seen["release"]) if seen["runs"] else ("none", "-", "-")))
        for name, seen in fleet_singles(statuses).items()
    ]
    return [SINGLES, *rows] if rows else []


def _timers(statuses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the table of timers; none where there are no timers."""
    rows = [(name, *_last(seen["last"]), _next(seen)) for name, seen in fleet_timers(statuses).items()]
    return [TIMERS, *rows] if rows else []


def _last(run: Mapping[str, Any]) -> tuple[str, ...]:
    if not run:
        return ("never", "-", "-", "-")
    took = "-" if run["seconds"] is None else f"{run['seconds']:.1f} s"
    return (run["due"], run["result"], took, run["host"])


def _next(seen: Mapping[str, Any]) -> str:
    return f"paused since {seen['paused']} by {seen['paused_by']}" if seen["paused"] else seen["next"] or "never"


def _workers(counted: Mapping[str, int]) -> str:
    finishing = counted["finishing"]
    return f"{counted['running']} run" + (f", {finishing} {'finishes' if finishing == 1 else 'finish'}" if finishing else "")


def _pool(counted: Mapping[str, int]) -> str:
    waiting = f", {counted['waiting']} wait" if counted["waiting"] else ""
    return f"{counted['busy']} of {counted['size']} busy{waiting}"


def _member(part: Mapping[str, Any]) -> str:
    behind = "" if part["role"] == "leader" else f", {part['behind_mb']} MiB behind"
    return f"{part['role']}, timeline {part['timeline']}{behind}" if part["timeline"] else f"{part['role']}, {part['state']}"


def _updates(waiting: Mapping[str, Any]) -> str:
    security = f", {len(waiting['security'])} for security" if waiting["security"] else ""
    return f"{waiting['count']} wait{security}, {waiting['days']} days" if waiting["count"] else "none wait"


def _since(timestamp: str) -> str:
    # systemd says "Mon 2026-11-23 08:15:00 UTC".
    return " ".join(timestamp.split()[1:3]) or "-"


def _views(statuses: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the second table: there are few balancers, so each is a column; none where no host has any."""
    balancers = {host: status["balanced"] for host, status in statuses.items() if "balanced" in status}
    seen = dict.fromkeys(name for views in balancers.values() for name in views)
    rows = [(name, *(_view(views.get(name)) for views in balancers.values())) for name in seen]
    return [(SEEN_BY, *balancers), *rows] if rows else []


def _view(server: Mapping[str, Any] | None) -> str:
    if server is None:
        return "-"
    return f"{server['status']}, weight {server['weight']}, {server['sessions']} open"
