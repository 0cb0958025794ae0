# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Telling people which releases have begun to serve since they were last told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.troubles import shortened

Entry = Mapping[str, Any]


@dataclass
class Deploys:
    """The history of a site, and up to which entry each listener knows it.

    :param known: by listener, the moment and release of the last entry that was told.
    """

    site: Site
    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, look: Mapping[str, Any], state: Mapping[str, Any]) -> Deploys:
        """Return what there is of the site that a host looks at.

        :param state: what the watch remembers.
        """
        known = state.get("deploys")
        site = Site.at(str(look.get("name", "")), str(look.get("root", "/nonexistent")))
        return cls(site, {str(name): str(key) for name, key in known.items()} if isinstance(known, dict) else {})

    def have(self, listeners: Sequence[str]) -> None:
        """Forget those who are told no more; whoever is new knows what has served until now."""
        newest = key_of(history[-1]) if (history := self._history()) else ""
        self.known = {listener: self.known.get(listener, newest) for listener in listeners}

    def news(self, listener: str) -> Sequence[Entry]:
        """Return what somebody does not know yet, oldest first; nothing for those who are not told."""
        if listener not in self.known:
            return []
        history = self._history()
        keys = [key_of(entry) for entry in history]
        known = self.known[listener]
        # The history leaves out its oldest lines one day: then the newest one is news.
        begin = keys.index(known) + 1 if known in keys else (len(history) - 1 if known else 0)
        return history[max(0, begin) :]

    def _history(self) -> Sequence[Entry]:
        # A release that goes on with other settings is none that begins to serve.
        return [entry for entry in self.site.history() if entry.get("action") != "settings"]

    def note(self, listener: str, told: Sequence[Entry]) -> None:
        """Remember what somebody was told."""
        self.known[listener] = key_of(told[-1])

    def message(self, entries: Sequence[Entry]) -> tuple[str, str]:
        """Return the title and the text of a message."""
        lines = [self._line(entry) for entry in entries]
        return f"{self.site.name}: {self._version(entries[-1])} serves", "\n".join(shortened(lines[::-1]))

    def _version(self, entry: Entry) -> str:
        release = str(entry["release"])
        return str(self.site.describe(release).get("version") or release)

    def _line(self, entry: Entry) -> str:
        words = (entry.get("action"), self._version(entry), f"({entry['release']})", "by", entry.get("by") or "somebody")
        return f"{entry.get('at', '')} {' '.join(str(word) for word in words if word)}".strip()


def key_of(entry: Entry) -> str:
    """Return by what an entry is known."""
    return f"{entry.get('at', '')} {entry['release']}"
