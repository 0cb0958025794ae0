# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all hosts have written about a site, as lines for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

# What a terminal would obey.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(text: str) -> float:
    """Return a moment in seconds since 1970, or less than nothing for so many seconds ago by whatever clock it is for.

    :param text: so long ago, 90s, 15m, 2h or 3d; or a moment, 2026-11-30T12:00 in UTC or with another offset behind it.
    :raises ValueError: it is neither.
    """
    if ago := re.fullmatch(r"(\d+)([smhd])", text.strip()):
        return -max(1, int(ago[1])) * SPANS[ago[2]]
    try:
        said = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no moment. Write how long ago, as in 15m, 2h or 3d, or 2026-11-30T12:00 (UTC).") from None
    return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()


def merged(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the entries of all hosts in order of time, each with its host.

    :param found: the entries of each host, in order.
    """
    entries = [{"host": host, **entry} for host, those in found.items() for entry in those]
    return sorted(entries, key=lambda entry: float(entry["when"]))


def log_lines(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield entries as lines: when in UTC, where, who, how bad unless it is information, and what, later lines of it indented."""
    for entry in entries:
        when = datetime.fromtimestamp(entry["when"], UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        who = " ".join(filter(None, (entry["program"], entry["source"])))
        level = "" if entry["level"] == "info" else f" {entry['level'].upper()}"
        first, *others = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(entry["text"])).split("\n")
        yield f"{when}Z {entry['host']} {who}{level}: {first}"
        yield from (f"    {line}" for line in others)
