# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The units that run a site's timers, from what an operator says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hotclub.django.plugins.filter.worker_units import literal

LIMIT_SECONDS = 3600


def timer_units(timers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the templates of the units need.

    :param timers: timers, as ``site_timers`` has them.
    :returns: for each its ``name``, ``calendar``, ``catch_up``, ``arguments`` of the program that runs it, ``command``,
        ``memory_max_mb`` and ``environment``; command and arguments as systemd reads them.
    """
    return [_unit(said) for said in timers]


def _unit(said: Mapping[str, Any]) -> dict[str, Any]:
    calendar, catches_up = " ".join(str(said["calendar"]).split()), bool(boolean(said.get("catch_up", False)))
    limit, overlap = int(said.get("limit_seconds", LIMIT_SECONDS)), str(said.get("overlap", "skip"))
    return {
        "name": str(said["name"]),
        "calendar": calendar,
        "catch_up": catches_up,
        "arguments": f"--calendar '{calendar}' --limit {limit} --overlap {overlap}{' --catch-up' if catches_up else ''}",
        "command": literal(str(said["command"]).strip()),
        "memory_max_mb": int(said.get("memory_max_mb", 0)),
        "environment": dict(said.get("environment") or {}),
    }


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"timer_units": timer_units}
