# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What failed, told at the end of a run: each message once, with the hosts that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HIDDEN = "What it said is hidden, since it may hold a secret (no_log)."
# Of what a program printed.
LINES = 40


@dataclass(frozen=True)
class Failure:
    """A message of one or several hosts."""

    step: str
    hosts: tuple[str, ...]
    message: str


class Failures:
    """Gathers what fails."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str, str]] = []

    def add(self, host: str, step: str, message: str) -> None:
        """Add what a step said on a host."""
        self._found.append((host, step, message.strip()))

    def of(self, failed: set[str]) -> list[Failure]:
        """Return the failures of hosts that failed in the end: what was rescued on the others is none.

        A message that a later one of the same host holds, such as that of the step that undid the others, is told there; the step
        is that which failed first.
        """
        merged: dict[str, tuple[str, list[str]]] = {}
        for host in dict.fromkeys(host for host, _step, _message in self._found if host in failed):
            told = [(step, message) for of, step, message in self._found if of == host]
            for message in dict.fromkeys(message for _step, message in told):
                if any(message in other and message != other for _step, other in told):
                    continue
                first = next(step for step, part in told if part in message)
                merged.setdefault(message, (first, []))[1].append(host)
        # By name: who failed first is chance.
        return [Failure(step, tuple(sorted(hosts)), message) for message, (step, hosts) in merged.items()]


def message_of(result: Mapping[str, Any]) -> str:
    """Return what a result says of its failure: cause and remedy where a step of ours failed, else all that there is."""
    if result.get("_ansible_no_log") or "censored" in result:
        return HIDDEN
    items = result.get("results")
    if isinstance(items, list) and items:
        told = [message_of(item) for item in items if isinstance(item, dict) and _has_failed(item)]
        if told:
            return "\n".join(dict.fromkeys(told))
    return "\n".join(_parts(result)) or "It failed, and said nothing."


def _has_failed(item: Mapping[str, Any]) -> bool:
    return bool(item.get("failed") or item.get("unreachable") or item.get("failed_when_result"))


def _parts(result: Mapping[str, Any]) -> Iterator[str]:
    message = str(result.get("msg") or "").strip()
    if message:
        yield message
    if "rc" in result:
        yield f"It ended with code {result['rc']}."
    for name in ("stderr", "stdout", "module_stderr", "module_stdout"):
        printed = str(result.get(name) or "").strip()
        if printed and printed not in message:
            lines = printed.splitlines()
            yield "\n".join([f"{name}:", *(f"  {line}" for line in lines[-LINES:])])
