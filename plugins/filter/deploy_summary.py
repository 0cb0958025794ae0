# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a deploy has done, for the person who ran it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

STAMP = "%Y%m%dT%H%M%S"
# As many migrations are named; of more, their number is told.
NAMED = 8


def deploy_summary(
    builds: Mapping[str, Mapping[str, Any]],
    site: str,
    before: Sequence[str],
    began: str,
    address: str = "",
    migrated: Mapping[str, Any] | None = None,
) -> str:
    """Return a few lines: from which release to which, what was migrated, how long each part took, and where the site is.

    :param builds: what M(hotclub.django.release_build) returned, by application host.
    :param site: its name.
    :param before: what served on each of them; empty for nothing.
    :param began: when the deploy began, in UTC, as 20261201T050000.
    :param address: where visitors find the site.
    :param migrated: what M(hotclub.django.release_migrate) returned, or nothing.
    """
    release = next(iter(builds.values()))["release"]
    migrated = migrated or {}
    rows = {
        "from": ", ".join(old or "nothing: its first release" for old in sorted(set(before))),
        "to": f"{release['id']} (version {release['version']})",
        "on": ", ".join(builds),
        "migrations": _migrations(list(migrated.get("applied", []))),
        "seconds": _seconds(list(builds.values()), float(migrated.get("seconds", 0)), began),
        "address": address,
    }
    return "\n".join([f"{site} serves the release.", *(f"  {name:<10}  {text}" for name, text in rows.items() if text)])


def _migrations(applied: Sequence[str]) -> str:
    return "none" if not applied else ", ".join(applied) if len(applied) <= NAMED else f"{len(applied)}, the last {applied[-1]}"


def _seconds(builds: Sequence[Mapping[str, Any]], migrations: float, began: str) -> str:
    """Return what each part took; hosts build side by side, so that the slowest counts."""
    build = max(sum(one.get("seconds", {}).values()) for one in builds)
    whole = (datetime.now(UTC) - datetime.strptime(began, STAMP).replace(tzinfo=UTC)).total_seconds()
    parts = {"build": build, "migrations": migrations}
    parts["static files, proof and switch"] = max(0.0, whole - build - migrations)
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items() if seconds)
    return f"{told}; {whole:.0f} in all"


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters of this file by name."""
        return {"deploy_summary": deploy_summary}
