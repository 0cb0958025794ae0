# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of files with their contents' hashes, and packs of those that a host lacks.

Files come to a host so: first a list of all of them, then packs of what it has not from before, each of a bounded size. What
has arrived is kept by its hash until it is used, so that an interrupted transfer goes on where it broke off.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import beside

# A pack lies on the disks of three machines, and is what an interruption loses at most.
PACK_BYTES = 256 * 1024 * 1024
PACK_FILES = 10_000
DAY_SECONDS = 24 * 60 * 60
SHA256 = re.compile(r"[0-9a-f]{64}")
AGAIN = "Run this again: what has arrived is not sent twice."


class Entry(NamedTuple):
    """A file of a list, or a symbolic link, which has no hash."""

    name: str
    size: int
    # In nanoseconds, where it matters.
    mtime: int
    sha256: str
    executable: bool = False
    link: str = ""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_list(path: Path, entries: Iterable[Entry]) -> None:
    """Write a list, whole or not at all."""
    with beside(path) as temporary:
        with open(temporary, "wb") as file, gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed:
            packed.writelines(line_of(entry) for entry in entries)
        os.replace(temporary, path)


def read_list(path: Path) -> Iterator[Entry]:
    """Yield the files of a list."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield Entry(*json.loads(line))


def line_of(entry: Entry) -> bytes:
    """Return an entry as a list has it: a name may hold any byte, line breaks too."""
    return json.dumps(entry).encode() + b"\n"


def parts_of(entries: Sequence[Entry], lacking: Iterable[int]) -> list[str]:
    """Return what is lacking in parts that each fit in a pack, each as the places of its files in the list: 0-9,12.

    Hosts that lack the same have the same parts, and one that has taken in its first part has the others still.
    """
    parts: list[list[int]] = []
    room = files = 0
    for place in lacking:
        size = entries[place].size
        if not parts or size > room or not files:
            parts.append([])
            room, files = PACK_BYTES, PACK_FILES
        parts[-1].append(place)
        room -= size
        files -= 1
    return [_ranges(part) for part in parts]


def _ranges(places: Sequence[int]) -> str:
    ranges: list[list[int]] = []
    for place in places:
        if ranges and ranges[-1][1] == place - 1:
            ranges[-1][1] = place
        else:
            ranges.append([place, place])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def part_of(entries: Sequence[Entry], part: str) -> list[Entry]:
    """Return the files of a part."""
    chosen: list[Entry] = []
    for text in part.split(","):
        first, _dash, last = text.partition("-")
        chosen += entries[int(first) : int(last or first) + 1]
    return chosen


def pack(folder: Path, entries: Iterable[Entry], target: Path) -> None:
    """Write the contents of files into an archive, each once and under its hash.

    :raises Trouble: a file is not what it was when it was listed.
    """
    packed: set[str] = set()
    with tarfile.open(target, "w") as archive:
        for entry in entries:
            if entry.sha256 in packed:
                continue
            packed.add(entry.sha256)
            member = tarfile.TarInfo(entry.sha256)
            member.size = entry.size
            try:
                with open(os.open(folder / entry.name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content:
                    archive.addfile(member, content)
            except OSError as error:
                raise Trouble(
                    f"{entry.name} can't be packed: {error}.", "If it has changed meanwhile, run this again."
                ) from error


class Incoming:
    """What has arrived on a host and is not used yet, by its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, entry: Entry) -> Path:
        """Return where a file's content is, once it has arrived."""
        return self.folder / entry.sha256

    def has(self, entry: Entry) -> bool:
        """Say whether a file's content has arrived."""
        try:
            return self.path(entry).stat().st_size == entry.size
        except FileNotFoundError:
            return False

    def take_in(self, file: Path, sha256: str, part: str) -> None:
        """Take in what was sent: the pack of a part of a list, or first of all the list itself.

        :raises Trouble: it is not what was announced.
        """
        if part:
            self.take(file, part_of(self.entries(sha256), part))
        else:
            self.keep_list(file, sha256)

    def entries(self, sha256: str) -> list[Entry]:
        """Return the files of a list that has arrived.

        :raises Trouble: it has gone again.
        """
        try:
            return list(read_list(self.folder / sha256))
        except FileNotFoundError:
            raise Trouble("Another run has used up the list of files that this one has sent.", AGAIN) from None

    def keep_list(self, path: Path, sha256: str) -> None:
        """Take in a list that was sent.

        :raises Trouble: it is not the one that was announced.
        """
        if digest(path) != sha256:
            raise Trouble("The list of files was damaged on its way.", AGAIN)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with beside(self.folder / sha256) as temporary:
            shutil.copyfile(path, temporary)
            os.replace(temporary, self.folder / sha256)

    def take(self, archive: Path, wanted: Iterable[Entry]) -> None:
        """Take in a pack.

        :raises Trouble: it does not hold what was asked for.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        missing = {entry.sha256 for entry in wanted}
        try:
            with tarfile.open(archive, "r|") as packed:
                for member in packed:
                    if member.name in missing and member.isfile():
                        self._take_one(packed, member)
                        missing.discard(member.name)
        except (tarfile.TarError, EOFError) as error:
            raise Trouble(f"A pack was damaged on its way: {error}.", AGAIN) from error
        if missing:
            raise Trouble(f"A pack lacks {len(missing)} of the files that were asked for.", AGAIN)

    def _take_one(self, packed: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        content = packed.extractfile(member)
        if content is None:
            raise AssertionError("only files are taken in")
        with beside(self.folder / member.name) as temporary:
            with open(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
                shutil.copyfileobj(content, file, 1024 * 1024)
                file.seek(0)
                if hashlib.file_digest(file, "sha256").hexdigest() != member.name:
                    raise Trouble("A file has changed since it was listed, or was damaged on its way.", AGAIN)
            os.replace(temporary, self.folder / member.name)

    def clear(self, *used: str) -> None:
        """Remove what was used, and what nobody has come back for."""
        if not self.folder.is_dir():
            return
        gone = set(used)
        for item in os.scandir(self.folder):
            # When it arrived, whatever time it was given.
            if item.name in gone or time.time() - item.stat().st_ctime > DAY_SECONDS:
                os.unlink(item.path)


def lies_within(name: str) -> bool:
    """Say whether a relative path stays in its folder."""
    path = os.path.normpath(name)
    return not os.path.isabs(path) and path != ".." and not path.startswith("../")
