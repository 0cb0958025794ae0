# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a look has found, as metrics that Prometheus reads by the textfile collector of the host's exporter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.status.troubles import key_of

MEBI = 1024 * 1024
# Where a status has a number, the metric that it becomes, by which it is multiplied, and what it is.
GAUGES: tuple[tuple[tuple[str, ...], str, float, str], ...] = (
    (("disk_free_mb",), "hotclub_disk_free_bytes", MEBI, "Room that is left where the site is."),
    (("http_ms",), "hotclub_answer_seconds", 0.001, "How long the web server of this host took for the health check."),
    (("certificate_days",), "hotclub_certificate_days", 1, "Days until the visitors' certificate ends."),
    (("internal_certificate_days",), "hotclub_internal_certificate_days", 1, "Days until the first of those between hosts ends."),
    (("workers", "running"), "hotclub_workers_running", 1, "Workers that take tasks."),
    (("workers", "finishing"), "hotclub_workers_finishing", 1, "Workers of older releases that finish their tasks."),
    (("pool", "busy"), "hotclub_pool_busy", 1, "Connections of the pool to PostgreSQL that are in use."),
    (("pool", "waiting"), "hotclub_pool_waiting", 1, "Clients that wait for a connection of the pool."),
    (("pool", "size"), "hotclub_pool_size", 1, "Connections to PostgreSQL that the pool may have."),
    (
        ("member", "behind_mb"),
        "hotclub_database_behind_bytes",
        MEBI,
        "What this member of the database has to receive.",
    ),
)


def exposition(site: str, status: Mapping[str, Any], problems: Sequence[str], now: float) -> str:
    """Return the file, in Prometheus' text format.

    :param site: the site's name, a label of each metric.
    :param status: what ``look_at_host`` has found.
    :param problems: what is wrong, as people are told.
    :param now: when the look was, in seconds since 1970.
    """
    return "".join(f"{line}\n" for line in _lines(site, status, problems, now))


def _lines(site: str, status: Mapping[str, Any], problems: Sequence[str], now: float) -> Iterator[str]:
    yield from _metric("hotclub_look_timestamp_seconds", "When the host has looked at itself last.", [({"site": site}, now)])
    # Without figures and details, or each change of them would be a series of its own.
    found = sorted({key_of(problem) for problem in problems})
    yield from _metric("hotclub_troubles", "How much playbooks/status.yml calls trouble.", [({"site": site}, len(found))])
    told: list[tuple[dict[str, str], float]] = [({"site": site, "trouble": trouble}, 1) for trouble in found]
    yield from _metric("hotclub_trouble", "Each trouble, without its figures.", told)
    if status.get("release"):
        labels = {"site": site, "release": str(status["release"]), "version": str(status.get("version") or "")}
        yield from _metric("hotclub_release_info", "The release that serves.", [(labels, 1)])
    for path, name, factor, meaning in GAUGES:
        value: Any = status
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)):
            yield from _metric(name, meaning, [({"site": site}, value * factor)])
    repositories = (status.get("backups") or {}).get("repositories") or []
    ages = [
        ({"site": site, "repository": str(repository.get("where", ""))}, repository["newest"]["stop"])
        for repository in repositories
        if repository.get("newest")
    ]
    yield from _metric("hotclub_backup_timestamp_seconds", "When the newest backup of each repository was complete.", ages)


def _metric(name: str, meaning: str, samples: Sequence[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    if samples:
        yield f"# HELP {name} {meaning}"
        yield f"# TYPE {name} gauge"
    for labels, value in samples:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{said}}} {value:.12g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
