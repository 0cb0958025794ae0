# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of all hosts as one table that fits a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

COLUMNS = ("HOST", "TIERS", "RELEASE", "VERSION", "SINCE", "APP", "HEALTH", "HTTP", "MIGRATIONS", "DISK FREE", "DATABASE")


def status_table(statuses: Mapping[str, Mapping[str, Any]], site: str) -> str:
    """Return a table with a line for each host, and below it what is wrong.

    :param statuses: what ``site_status`` found, by host; an unreachable host has only ``problems``.
    :param site: name of the site.
    """
    rows = [COLUMNS, *(_row(host, status) for host, status in statuses.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    used = [column for column in range(len(COLUMNS)) if any(row[column] not in ("", "-") for row in rows[1:])]
    lines = ["  ".join(row[column].ljust(widths[column]) for column in used).rstrip() for row in rows]
    problems = [f"  {host}: {problem}" for host, status in statuses.items() for problem in status.get("problems", [])]
    verdict = [f"{site} is in trouble:", *problems] if problems else [f"{site} is well."]
    return "\n".join([*lines, "", *verdict])


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
        "-" if pending is None else f"{len(pending)} pending" if pending else "none pending",
        f"{status['disk_free_mb'] / 1024:.1f} GiB" if "disk_free_mb" in status else "-",
        f"{status['database_mb']} MiB, {status['database_connections']} conn." if "database_mb" in status else "-",
    )


def _since(timestamp: str) -> str:
    # systemd says "Mon 2026-11-23 08:15:00 UTC".
    return " ".join(timestamp.split()[1:3]) or "-"


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"status_table": status_table}
