# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of all hosts as tables that fit a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.tables import tables, troubles, worth_knowing


def status_table(statuses: Mapping[str, Mapping[str, Any]], site: str, backups: str = "", obstacle: str = "") -> str:
    """Return a table with a line for each host, one with how each balancer sees each of them, and below it what is wrong.

    :param statuses: what ``site_status`` found, by host; an unreachable host has only ``problems``.
    :param site: name of the site.
    :param backups: what backs it up, in the operator's words.
    :param obstacle: why the database has no backups, in a few words.
    """
    lines = [line for table in tables(statuses) for line in [*_aligned(table.used()), ""]]
    wrong = troubles(statuses, site)
    verdict = [f"{site} is in trouble:", *_indented(wrong)] if wrong else [f"{site} is well."]
    return "\n".join([*lines, *verdict, "", "Worth knowing:", *_indented(worth_knowing(statuses, site, backups, obstacle))])


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"status_table": status_table}
