# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An export of a site on the controller: a folder with a dump of the database and an archive of the uploaded files."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads import members

DATABASE, UPLOADS = "database.dump", "uploads.tar"
PART_BYTES = 128 * 1024 * 1024
COPY_BYTES = 1024 * 1024
# Two empty blocks.
END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Export:
    """The folder, which has its name only once everything is in it."""

    path: Path

    @property
    def part(self) -> Path:
        """What the folder is called while it is filled."""
        return self.path.with_name(f"{self.path.name}.part")

    def begin(self) -> None:
        """Make the folder, which nobody else may read.

        :raises Trouble: it is there already, or can't be made.
        """
        if self.path.exists():
            raise Trouble(
                f"{self.path} is there already, and is not overwritten.", "Name another folder with -e export_path=<folder>."
            )
        if self.part.exists():
            raise Trouble(
                f"{self.part} is there: another run fills it, or was interrupted.", "If none does, remove it, and run this again."
            )
        try:
            self.part.mkdir(mode=0o700)
        except OSError as error:
            raise Trouble(
                f"{self.part} can't be made ({error.strerror}).",
                "Name a folder where there is one, with -e export_path=<folder>.",
            ) from error

    def finish(self) -> None:
        """Give the folder its name."""
        self.part.rename(self.path)

    def drop(self) -> None:
        """Remove what was not finished."""
        shutil.rmtree(self.part, ignore_errors=True)

    def sizes(self) -> dict[str, int]:
        """Return how many bytes each file has; a file that is not there has none.

        :raises Trouble: there is no dump.
        """
        database, uploads = self.path / DATABASE, self.path / UPLOADS
        if not database.is_file():
            raise Trouble(
                f"{self.path} on the controller has no {DATABASE}, so it is no export.",
                f"Name the folder of one with -e import_from=<folder>: {DATABASE} is what pg_dump --format=custom writes, "
                f"and {UPLOADS}, which may be missing, an archive of the uploaded files.",
            )
        if uploads.is_file() and not is_archive(uploads):
            raise Trouble(
                f"{uploads} is no archive of tar's, or a packed one.", f"Write it by tar -C <folder> -cf {uploads.name} ."
            )
        return {"database": database.stat().st_size, "uploads": uploads.stat().st_size if uploads.is_file() else 0}


def is_archive(path: Path) -> bool:
    """Say whether a file is an archive whose members can be told apart without unpacking it."""
    try:
        with tarfile.open(path, "r:"):
            return True
    except tarfile.TarError:
        return False


def append(archive: Path, part: Path, length: int) -> None:
    """Add the members of a part to an archive.

    :param length: how many bytes of the part they are.
    """
    with part.open("rb") as source, open(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as target:
        while length > 0 and (block := source.read(min(COPY_BYTES, length))):
            target.write(block)
            length -= len(block)
    if length:
        raise Trouble("A part of the uploaded files did not arrive whole.", "Run this again.")


def close(archive: Path) -> None:
    """Write the end of an archive that was put together."""
    with open(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as target:
        target.write(END)
        target.flush()
        os.fsync(target.fileno())


def parts_of(archive: Path, most: int = PART_BYTES) -> Iterator[tuple[int, int]]:
    """Yield where the parts of an archive begin and end, each of some whole members.

    :param most: about how many bytes a part has; one with a larger member has more.
    """
    begin = end = 0
    with tarfile.open(archive, "r:") as opened:
        for member in members(opened):
            if member.offset - begin >= most:
                yield begin, member.offset
                begin = member.offset
            end = opened.offset
    if end > begin:
        yield begin, end


def cut(archive: Path, begin: int, end: int, part: Path) -> None:
    """Write a part of an archive as an archive of its own."""
    with archive.open("rb") as source, open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        source.seek(begin)
        left = end - begin
        while left > 0 and (block := source.read(min(COPY_BYTES, left))):
            target.write(block)
            left -= len(block)
        target.write(END)
