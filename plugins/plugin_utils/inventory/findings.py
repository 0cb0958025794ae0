# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Problems of an inventory, each said once with all the hosts that have it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint

HOSTS_SHOWN = 3


@dataclass
class Findings:
    """Problems, each said once with all the hosts that have it."""

    hosts: list[str]
    _found: dict[tuple[str, str | None, str, str], list[str]] = field(default_factory=dict)

    def add(self, complaint: Complaint, place: str | None = None, hosts: Iterable[str] = ()) -> None:
        """Keep a complaint."""
        key = (complaint.subject, place, complaint.wrong, complaint.remedy)
        self._found.setdefault(key, []).extend(hosts)

    def lines(self) -> list[str]:
        """Return a line for each problem."""
        return [self._line(*key, sorted(set(hosts), key=hosts.index)) for key, hosts in self._found.items()]

    def _line(self, subject: str, place: str | None, wrong: str, remedy: str, hosts: list[str]) -> str:
        where = ", ".join(part for part in (place, hosts_shown(hosts, self.hosts)) if part)
        return f"{subject}{f' ({where})' if where else ''}: {wrong}. {remedy}"


def hosts_shown(hosts: list[str], everyone: list[str]) -> str:
    """Return some hosts as a message names them."""
    if not hosts:
        return ""
    if len(everyone) > 1 and len(hosts) == len(everyone):
        return "all hosts"
    rest = len(hosts) - HOSTS_SHOWN
    return ", ".join(hosts[:HOSTS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
