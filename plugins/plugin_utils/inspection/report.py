# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was found out about a project, in the order in which somebody wants to know it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.new import scalar

WIDTH = 118
LONGEST = 500
# What the collection itself writes into a value. Anything else of this kind comes from the project, and would be worked out by
# Ansible as soon as somebody has copied the line.
EXPRESSION = re.compile(r"\{[{%#]|\$\{")
OURS = re.compile(r"(https://)?(\$\{[A-Z_]+\}|\{\{ (site|vault)_\w+( \| join\(' '\))? \}\})")


@dataclass
class Report:
    """The findings.

    :param title: which project it is about.
    :param inventory: what the inventory says already, by variable.
    :param stops: why a run would stop.
    :param unserved: what the collection doesn't do for the project.
    :param notes: what is worth knowing.
    :param facts: what the project is, by subject.
    :param choices: variables that only some inventories need, with their values and when that is.
    """

    title: str
    inventory: Mapping[str, Any] = field(default_factory=dict)
    stops: list[Trouble] = field(default_factory=list)
    unserved: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, list[str]] = field(default_factory=dict)
    choices: dict[str, tuple[str, str]] = field(default_factory=dict)
    _lines: dict[str, Any] = field(default_factory=dict)
    _reasons: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def stop(self, cause: str, remedy: str) -> None:
        """Say that a run would stop."""
        self.stops.append(Trouble(cause, remedy))

    def fact(self, subject: str, text: str) -> None:
        """Say what the project is."""
        found = self.facts.setdefault(subject, [])
        if text not in found:
            found.append(text)

    def set(self, name: str, value: str | bool, why: str) -> None:
        """Ask for a variable of the inventory."""
        if self.inventory.get(name) != value and self._is_plain(name, str(value)):
            self._lines[name] = value
            self._reasons[name, ""] = [why]

    def offer(self, name: str, value: str, when: str) -> None:
        """Name a variable that the inventory may need.

        :param value: as YAML.
        """
        if not self.inventory.get(name):
            self.choices[name] = (value, when)

    def add(self, name: str, values: Iterable[str], why: str) -> None:
        """Ask for elements of a variable that is a list; those that the inventory has stay."""
        have = [str(each) for each in self.inventory.get(name) or []]
        for value in values:
            if value not in have and self._is_plain(name, value):
                found = self._lines.setdefault(name, list(have))
                found += [value] if value not in found else []
                reasons = self._reasons.setdefault((name, value), [])
                reasons += [why] if why not in reasons else []

    def variable(self, name: str, value: str, why: str) -> None:
        """Ask for a variable of the project's environment."""
        if name not in (self.inventory.get("site_env") or {}) and (OURS.fullmatch(value) or self._is_plain(name, value)):
            self._lines.setdefault("site_env", {}).setdefault(name, value)
            self._reasons.setdefault(("site_env", name), [why])

    def _is_plain(self, name: str, value: str) -> bool:
        """Say whether a value is no expression; leave it out with a word where the project would have it be one."""
        if not EXPRESSION.search(value):
            return True
        self.notes.append(f"{name} would be {value}, which Ansible takes for an expression: it is left out of the lines.")
        return False

    @property
    def lines(self) -> dict[str, Any]:
        """What the inventory needs besides what it has: a list is whole, an environment has what is new."""
        return self._lines

    def yaml(self) -> str:
        """Return the lines that the inventory needs, each with its reason."""
        return "\n".join(self._written())

    def _written(self) -> Iterator[str]:
        for name, value in self._lines.items():
            if isinstance(value, dict):
                yield f"{name}:"
                rows = ((f"  {key}: {scalar(each)}", self._reasons.get((name, key), [])) for key, each in value.items())
                yield from aligned(rows)
            elif isinstance(value, list):
                yield f"{name}:"
                yield from aligned((f"  - {scalar(each)}", self._reasons.get((name, each), [])) for each in value)
            else:
                text = str(value).lower() if isinstance(value, bool) else scalar(value)
                yield from aligned([(f"{name}: {text}", self._reasons[name, ""])])
        for name, (choice, when) in self.choices.items():
            yield f"# {name}: {choice}   # {shown(when)}"

    def text(self) -> str:
        """Return all of it for a person."""
        parts = [shown(self.title)]
        if self.stops:
            parts.append("A run would stop, or the site would not work, for these reasons:")
            parts += [listed(told(each)) for each in self.stops]
        if self.unserved:
            parts += ["", "What the collection does not do for it:", *(listed(shown(each)) for each in self.unserved)]
        parts += ["", "What it is:", *self._facts()]
        if self.notes:
            parts += ["", "Worth knowing:", *(listed(shown(each)) for each in self.notes)]
        if self._lines or self.choices:
            parts += [
                "",
                "Lines for the inventory, below all: vars: (a list takes the place of the one there, site_env grows):",
                "",
            ]
            parts += [self.yaml()]
        else:
            parts += ["", "The inventory needs no further line for it."]
        return "\n".join(parts)

    def _facts(self) -> Iterator[str]:
        width = max(map(len, self.facts), default=0) + 2
        for subject, texts in self.facts.items():
            for place, text in enumerate(texts):
                start = f"  {subject if place == 0 else '':<{width}}"
                yield textwrap.fill(
                    shown(text), WIDTH, initial_indent=start, subsequent_indent=" " * len(start),
                    break_on_hyphens=False, break_long_words=False,
                )  # fmt: skip


def told(trouble: Trouble) -> str:
    """Return what a build would say, where nothing could have changed."""
    return f"{shown(trouble.cause.replace(' Nothing was changed.', ''))} {shown(trouble.remedy)}"


def aligned(rows: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """Yield lines with their reasons as comments, one below the other."""
    known = list(rows)
    width = max((len(line) for line, _reasons in known), default=0)
    for line, reasons in known:
        reason = shown("; ".join(reasons))
        yield f"{line:<{width}}   # {reason}" if reason else line


def listed(text: str) -> str:
    """Return a text as an element of a list."""
    return textwrap.fill(text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def shown(text: str) -> str:
    """Return what a project says so that it does nothing but stand on the screen."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * LONGEST])
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
