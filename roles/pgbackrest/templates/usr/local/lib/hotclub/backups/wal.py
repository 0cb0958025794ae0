"""PostgreSQL's log of changes as it lies in a repository: one file after the other, or a gap.

pgBackRest itself calls a repository well from which a file is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ARCHIVED = re.compile(r"(?:^|/)([0-9A-F]{24})-[0-9a-f]{40}(\.|$)")
FILES_PER_LOG = 256


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


def gaps(files: Iterable[File], since: File) -> list[Gap]:
    """Return what is missing between the first file that is needed and the last one that is there.

    Where one timeline ends and the next begins, the next one has the file that both share. That may be the last file of any
    earlier timeline: a restore can go back to one that had been left.
    """
    found = []
    end = expected = since.number
    timeline = since.timeline
    for file in sorted(file for file in files if file.timeline >= since.timeline and file.number >= since.number):
        if file.timeline != timeline:
            timeline, expected = file.timeline, end
        if file.number > expected:
            found.append(Gap(File(timeline, expected), File(timeline, file.number - 1)))
        expected = file.number + 1
        end = max(end, expected)
    return found
