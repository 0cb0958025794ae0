# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be told of a host's troubles: each once when it has lasted, and once when it is over.

One that comes and goes between two looks, as while a release is switched or a host starts, is never told.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# What is said of the same trouble by another look: when, how much, how long, and what a program answered. Digits that are part of
# a name say of whom it is: those of an address, of a unit's instance, of a path.
MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2})?)?"
FIGURE = r"[0-9]+([.,][0-9]+)?"
CHANGING = re.compile(rf"(?<![\w.,:/@-])({MOMENT}|{FIGURE})(?![\w:@-]|[.,][0-9])")
DETAILS = re.compile(r"( \(|: ).*", re.DOTALL)
# Of one thing that is down, one look says this and the next one that.
ALIKE = {
    "visitors get ": "visitors get no good answer",
    "the application answers ": "the application gives no good answer",
    "the application gives no answer": "the application gives no good answer",
    "nginx is ": "nginx does not run",
}
LONGEST = 600
# Some services take 2000 characters, title included, and nobody reads more.
LONGEST_MESSAGE = 1500


@dataclass
class Trouble:
    """One trouble, over all looks that have met it."""

    text: str
    since: float
    # At how many looks in a row it was there, and since then at how many it was not.
    looks: int = 0
    gone: int = 0
    # Those who know of it.
    told: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Trouble:
        """Return what was kept, without what another version knows of it besides.

        :raises KeyError: it lacks what this one must know, or is not of its type; as ``TypeError`` and ``ValueError``.
        """
        told = [str(listener) for listener in said.get("told", [])]
        return cls(str(said["text"]), float(said["since"]), int(said.get("looks", 0)), int(said.get("gone", 0)), told)


@dataclass(frozen=True)
class News:
    """What somebody does not know yet."""

    begun: Sequence[Trouble]
    over: Sequence[Trouble]
    # How many troubles that were told go on.
    left: int
    # Whether this is the first that is told there at all.
    first: bool = False

    def __bool__(self) -> bool:
        return bool(self.first or self.begun or self.over)


class Troubles:
    """The troubles of a host, as one look after the other finds them.

    :param known: what ``kept`` returned at the look before; empty at the first one.
    :param looks: for how many looks a trouble must last until it is told, and be gone until it is over.
    """

    def __init__(self, known: Mapping[str, Any], looks: int) -> None:
        self.looks = looks
        self.found: dict[str, Trouble] = {}
        self.listeners: list[str] = []
        # At how many looks in a row anything was wrong, were it something else each time.
        self.bad = 0
        # What another version has kept, or a disk has damaged: it begins anew, rather than telling nobody any more.
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            found = {str(key): Trouble.of(trouble) for key, trouble in known.get("troubles", {}).items()}
            listeners, bad = [str(listener) for listener in known.get("listeners", [])], int(known.get("bad", 0))
            self.found, self.listeners, self.bad = found, listeners, bad

    def meet(self, problems: Sequence[str], now: float) -> None:
        """Take over what a look has found."""
        self.bad = self.bad + 1 if problems else 0
        there = {key_of(problem): problem for problem in problems}
        for key, problem in there.items():
            trouble = self.found.setdefault(key, Trouble(problem, now))
            trouble.text, trouble.gone, trouble.looks = problem[:LONGEST], 0, trouble.looks + 1
        for key in set(self.found) - set(there):
            self.found[key].gone += 1
        self._forget()

    def have(self, listeners: Sequence[str]) -> None:
        """Leave out whoever is not told any more."""
        self.listeners = [listener for listener in self.listeners if listener in listeners]
        for trouble in self.found.values():
            trouble.told = [listener for listener in trouble.told if listener in listeners]
        self._forget()

    def news(self, listener: str) -> News:
        """Return what somebody has to be told."""
        known = [trouble for trouble in self.found.values() if listener in trouble.told]
        return News(
            begun=[trouble for trouble in self.lasting() if listener not in trouble.told],
            over=[trouble for trouble in known if trouble.gone >= self.looks],
            left=sum(trouble.gone < self.looks for trouble in known),
            first=listener not in self.listeners,
        )

    def note(self, listener: str, news: News) -> None:
        """Remember that somebody was told."""
        for trouble in news.begun:
            trouble.told.append(listener)
        for trouble in news.over:
            trouble.told.remove(listener)
        if listener not in self.listeners:
            self.listeners.append(listener)
        self._forget()

    def lasting(self) -> list[Trouble]:
        """Return the troubles that are to be told, or were."""
        return [trouble for trouble in self.found.values() if trouble.looks >= self.looks and trouble.gone < self.looks]

    def all_is_well(self) -> bool:
        """Say whether nothing is wrong that has lasted, be it one trouble or one after the other."""
        return not self.lasting() and self.bad < self.looks

    def kept(self) -> dict[str, Any]:
        """Return what the next look has to know."""
        found = {key: asdict(trouble) for key, trouble in self.found.items()}
        return {"troubles": found, "listeners": self.listeners, "bad": self.bad}

    def _forget(self) -> None:
        """Forget what is over and was told to nobody, and what has not lasted."""
        for key, trouble in list(self.found.items()):
            short = trouble.gone and trouble.looks < self.looks
            if short or (trouble.gone >= self.looks and not trouble.told):
                del self.found[key]


def key_of(problem: str) -> str:
    """Return by what the next look knows a problem again, whatever its figures and details are then."""
    for beginning, key in ALIKE.items():
        if problem.startswith(beginning):
            return key
    return CHANGING.sub("#", DETAILS.sub("", problem)).strip()


def message(site: str, host: str, news: News) -> tuple[str, str]:
    """Return the title and the text of a message."""
    begun, over, left = len(news.begun), len(news.over), news.left
    if begun:
        title = "trouble" if begun == 1 else f"{begun} troubles"
    elif over:
        title = f"over, {left} left" if left else "all is well again"
    else:
        title = "is watched"
    lines = [f"Troubles of {site} on {host} are told here from now on."] if news.first else []
    lines += [trouble.text for trouble in news.begun]
    lines += [f"Over: {trouble.text}" for trouble in news.over]
    return f"{site} on {host}: {title}", "\n".join(shortened(lines))


def shortened(lines: Sequence[str]) -> list[str]:
    """Return as many lines as fit into a message, and how many were left out."""
    room, fitting = LONGEST_MESSAGE, 0
    while fitting < len(lines) and len(lines[fitting]) < room:
        room -= len(lines[fitting]) + 1
        fitting += 1
    left = len(lines) - fitting
    return [*lines[:fitting], *([f"and {left} more: see playbooks/status.yml"] if left else [])]
