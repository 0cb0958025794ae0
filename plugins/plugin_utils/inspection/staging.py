# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A copy of a project's source that is safe to read: small, plain files, and no link that leads out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.source import POINTER_BYTES

MEBI = 1024 * 1024
FILE_BYTES = 4 * MEBI
ALL_BYTES = 256 * MEBI
MOST_FILES = 100_000
# What is read. Of everything else, that it is there is enough.
READ_NAMES = {
    *("Dockerfile", "Procfile", "Pipfile", ".gitignore", ".gitattributes", ".gitmodules"),
    *(".env", ".python-version", ".nvmrc", ".node-version", ".tool-versions"),
}
READ_SUFFIXES = {".py", ".toml", ".txt", ".in", ".pip", ".cfg", ".lock", ".html"}
READ_JSON = {"package.json"}
# Locks of other languages, of which the name says everything.
UNREAD = {"yarn.lock", "Cargo.lock", "composer.lock", "Gemfile.lock", "bun.lock", "flake.lock"}


@dataclass
class Source:
    """The copy.

    :param folder: where it is.
    :param files: the names of all files of the source, copied or not, with their sizes.
    :param told: which commit it is, in words; empty for a folder.
    :param left_out: what was too large or no file at all, in words.
    """

    folder: Path
    files: dict[str, int] = field(default_factory=dict)
    told: str = ""
    left_out: list[str] = field(default_factory=list)
    _links: dict[str, str] = field(default_factory=dict)
    _bytes: int = 0

    def has(self, name: str) -> bool:
        """Say whether the source has a file of this name."""
        return name in self.files

    def named(self, name: str) -> list[PurePosixPath]:
        """Return the files that are called so, wherever they lie, the uppermost first."""
        found = [PurePosixPath(path) for path in self.files if path == name or path.endswith(f"/{name}")]
        return sorted(found, key=lambda path: (len(path.parts), path))

    def add(self, name: str, size: int, read: Callable[[], bytes]) -> None:
        """Take a file of the source into the copy, where its content is of use.

        :raises Trouble: the source has more files than anybody can look at.
        """
        if not self._is_proper(name):
            return
        self.files[name] = size
        if len(self.files) > MOST_FILES:
            raise Trouble(
                f"The source has more than {MOST_FILES} files, which is more than inspect looks at.",
                "Point site_source to the project itself, or let .gitignore leave out what doesn't belong to it.",
            )
        if not is_read(name, size):
            return
        if size > FILE_BYTES or self._bytes + size > ALL_BYTES:
            self.left_out.append(f"{name} is too large to be read ({size // 1024} KiB)")
            return
        content = read()
        self._bytes += len(content)
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            self.left_out.append(f"{name} can't be copied ({error.strerror})")

    def link(self, name: str, target: str) -> None:
        """Take note of a symbolic link."""
        if self._is_proper(name):
            self.files[name] = 0
            self._links[name] = target

    def finish(self) -> Source:
        """Make the links, once nothing is written any longer, and remove those that lead out of the copy."""
        top = os.path.realpath(self.folder)
        for name, target in self._links.items():
            path = self.folder / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(target)
            except (OSError, ValueError):
                self.left_out.append(f"{name} can't be copied")
        for name in self._links:
            path = self.folder / name
            if path.is_symlink() and not inside(os.path.realpath(path), top):
                path.unlink()
                self.left_out.append(f"{name} is a link that leads out of the source")
        return self

    def _is_proper(self, name: str) -> bool:
        """Say whether a name is one of a file in a folder: a repository may have been made by hand."""
        if ".." not in name.split("/") and not name.startswith("/"):
            return True
        self.left_out.append(f"{name} is no name of a file in the source")
        return False


def is_read(name: str, size: int) -> bool:
    """Say whether the content of a file is of use."""
    last = PurePosixPath(name)
    if last.name in UNREAD or "node_modules" in last.parts:
        return False
    of_use = last.name in READ_NAMES | READ_JSON or last.suffix in READ_SUFFIXES or last.name.startswith("Dockerfile")
    # What is as small as a pointer of Git LFS may be one.
    return of_use or size < POINTER_BYTES


def inside(path: str, top: str) -> bool:
    """Say whether a path without links lies in a folder."""
    return path == top or path.startswith(f"{top}{os.sep}")


def copied(folder: Path, names: Iterable[str], into: Path) -> Source:
    """Return the copy of a folder of this machine.

    :param names: its files, relative to it.
    """
    source = Source(into)
    for name in names:
        path = folder / name
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            source.link(name, os.readlink(path))
        elif stat.S_ISREG(found.st_mode):
            source.add(name, found.st_size, lambda path=path: content_of(path))  # type: ignore[misc]
        elif not stat.S_ISDIR(found.st_mode):
            source.left_out.append(f"{name} is neither a file nor a link")
    return source.finish()


def content_of(path: Path) -> bytes:
    """Return what is in a file, which may have become something else meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(FILE_BYTES) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
