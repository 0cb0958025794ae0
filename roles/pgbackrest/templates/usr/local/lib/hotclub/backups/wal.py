"""PostgreSQL's log of changes as it lies in a repository: one file after the other, or a gap.

pgBackRest itself calls a repository well from which a file is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

ARCHIVED = re.compile(r"(?:^|/)([0-9A-F]{24})-[0-9a-f]{40}(\.|$)")
FILES_PER_LOG = 256
FILE_BITS = 24
# A line of the file that says where a timeline began: an earlier one, and where that was left.
LEFT = re.compile(r"^\s*([0-9]+)\s+([0-9A-F]+)/([0-9A-F]+)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class File:
    """One file of the log: 16 MiB of changes."""

    timeline: int
    number: int

    @classmethod
    def of(cls, name: str) -> File:
        """Return the file of a name."""
        return cls(int(name[:8], 16), int(name[8:16], 16) * FILES_PER_LOG + int(name[16:], 16))

    def __str__(self) -> str:
        """Return its name."""
        return f"{self.timeline:08X}{self.number // FILES_PER_LOG:08X}{self.number % FILES_PER_LOG:08X}"


@dataclass(frozen=True)
class Gap:
    """Files that are missing, the first and the last one."""

    first: File
    last: File

    def __str__(self) -> str:
        """Return what is missing."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def archived(paths: Iterable[str]) -> list[File]:
    """Return the files of the log among the paths of a repository, in order."""
    found = (ARCHIVED.search(path) for path in paths)
    return sorted({File.of(match[1]) for match in found if match})


def way(history: str, timeline: int) -> dict[int, int]:
    """Return the timelines that led to one, each with the number of its first file, from the oldest on.

    :param history: what PostgreSQL's file says of where it began; empty for the first one.
    """
    left = [(int(one[1]), (int(one[2], 16) << 32 | int(one[3], 16)) >> FILE_BITS) for one in LEFT.finditer(history)]
    if not left:
        return {timeline: 0} if timeline == 1 else {}
    return dict(zip([earlier for earlier, _end in left] + [timeline], [0] + [end for _earlier, end in left], strict=True))


def gaps(files: Iterable[File], since: File, begins: Mapping[int, int] | None = None) -> list[Gap]:
    """Return what is missing between the first file that is needed and the last one that is there.

    Where one timeline ends and the next begins, the next one has the file that both share. Of a timeline of which nobody knows
    where it began, that may be the last file of any earlier one: a restore can go back to one that had been left.

    :param begins: the timelines that led to the present one, each with the number of its first file. The server that left one
        may have written on, and not archived its last files: neither hides what is missing where the next one began.
    """
    # A backup of a timeline that was left is on no way to the present one.
    begins = begins if begins and since.timeline in begins else {}
    numbers: dict[int, list[int]] = {timeline: [] for timeline in begins if timeline >= since.timeline}
    for file in sorted(file for file in files if file.timeline >= since.timeline and file.number >= since.number):
        numbers.setdefault(file.timeline, []).append(file.number)
    found: list[Gap] = []
    ends: dict[int, int] = {}
    for timeline in sorted(numbers):
        expected = max(ends.values(), default=since.number)
        if timeline in begins and timeline != since.timeline:
            before = max((earlier for earlier in begins if earlier < timeline), default=timeline)
            expected = max(since.number, min(ends.get(before, since.number), begins[timeline]))
        for number in numbers[timeline]:
            if number > expected:
                found += _missing(timeline, expected, number, begins)
            expected = number + 1
        ends[timeline] = expected
    return found


def _missing(timeline: int, first: int, end: int, begins: Mapping[int, int]) -> Iterator[Gap]:
    """Return what is missing before a file, by the timelines to which it belongs."""
    for later in sorted(one for one in begins if one <= timeline) if timeline in begins else ():
        if first < begins[later] < end:
            yield Gap(File(_at(first, timeline, begins), first), File(_at(first, timeline, begins), begins[later] - 1))
            first = begins[later]
    owner = _at(first, timeline, begins) if timeline in begins else timeline
    yield Gap(File(owner, first), File(owner, end - 1))


def _at(number: int, timeline: int, begins: Mapping[int, int]) -> int:
    """Return the timeline on which a file was written that leads to another one."""
    return max((one for one, begin in begins.items() if one <= timeline and begin <= number), default=timeline)
