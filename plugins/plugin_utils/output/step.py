# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One step of a run, on all of its hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The worst comes first.
FAILED, UNREACHABLE, IGNORED, CHANGED, OK, SKIPPED = "failed", "unreachable", "ignored", "changed", "ok", "skipped"
NAMED_HOSTS = 3
NAMES_WIDTH = 26
# Of the name of a step; longer ones move the rest of their line.
NAME_WIDTH = 66


@dataclass
class Step:
    """A task, as it goes on.

    :param identity: Ansible's, of the task.
    :param name: for people.
    :param key: for the history.
    :param began: by the clock of the run.
    :param quiet: whether it is worth a line only when something comes of it.
    """

    identity: str
    name: str
    key: str
    began: float
    quiet: bool
    started: dict[str, None] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    note: str = ""
    # Below its line: texts, each with the hosts that it is of.
    details: dict[str, list[str]] = field(default_factory=dict)

    def detail(self, host: str, text: str) -> None:
        """Add a text for below the line, once for all hosts that have the same."""
        hosts = self.details.setdefault(text, [])
        if host not in hosts:
            hosts.append(host)

    @property
    def taken(self) -> dict[str, str]:
        """The hosts on which it was not skipped, in the order in which they began, with what came of it."""
        order = {host: place for place, host in enumerate(self.started)}
        hosts = sorted(self.results, key=lambda host: order.get(host, len(order)))
        return {host: self.results[host] for host in hosts if self.results[host] != SKIPPED}

    @property
    def waits_for(self) -> list[str]:
        """The hosts that have begun and not ended."""
        return [host for host in self.started if host not in self.results]

    @property
    def worth_a_line(self) -> bool:
        """Whether it did something: was taken, unless it only decides what others do, and that without an effect."""
        return any(status != OK or not self.quiet for status in self.taken.values())

    @property
    def status(self) -> str:
        """The worst of all hosts."""
        statuses = set(self.taken.values())
        return next((status for status in (FAILED, UNREACHABLE, IGNORED, CHANGED) if status in statuses), OK)

    def verdict(self, check: bool) -> str:
        """Return the status in words; of how many hosts, where it differs among them."""
        words = {
            FAILED: "FAILED",
            UNREACHABLE: "UNREACHABLE",
            IGNORED: "failed, ignored",
            CHANGED: "would change" if check else "changed",
            OK: "ok",
        }
        taken = self.taken
        alike = sum(status == self.status for status in taken.values())
        return words[self.status] if alike == len(taken) else f"{words[self.status]} on {alike}"


def hosts_shown(hosts: Mapping[str, object] | list[str]) -> str:
    """Return a few hosts by name, and many by number."""
    names = ", ".join(hosts)
    return names if len(hosts) == 1 or (len(hosts) <= NAMED_HOSTS and len(names) <= NAMES_WIDTH) else f"{len(hosts)} hosts"
