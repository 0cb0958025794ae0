# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Uploaded files as an archive of tar's, in parts, and such an archive as the site's uploaded files.

What arrives is unpacked beside the live folder, where nobody but root sees it, and takes its place at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove

MEBI = 1024 * 1024
# A part holds a file at least, however large that is.
PART_BYTES = 128 * MEBI
PART_FILES = 10_000
KEPT_FREE_BYTES = 256 * MEBI
LOADING, BEFORE = "-loading", "-before"


@dataclass
class Part:
    """What a part of an archive has."""

    # The last name in it; empty where nothing comes after it.
    next: str = ""
    files: int = 0
    bytes: int = 0
    # Neither files nor folders: links, sockets.
    left_out: int = 0
    # Of the archive, without its end.
    length: int = 0


def entries(folder: Path, after: tuple[str, ...] = (), within: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of all that is in a folder, by their parts and in their order, a folder before what is in it.

    :param after: where to begin: the name before that.
    """
    names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in os.scandir(folder.joinpath(*within)))
    for name, is_folder in names:
        path = (*within, name)
        if path > after:
            yield path
        if is_folder and path >= after[: len(path)]:
            yield from entries(folder, after, path)


def pack(folder: Path, after: str, target: Path) -> Part:
    """Write the next files of a folder into an archive.

    :param after: the last name of the part before.
    """
    part, last = Part(), ""
    begin = tuple(after.split("/")) if after else ()
    # What the site's account may not read is no upload of its.
    with (
        target.open("wb") as file,
        as_owner_of(folder),
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in entries(folder, begin):
            if part.length >= PART_BYTES or part.files >= PART_FILES:
                part.next = last
                break
            last = "/".join(path)
            _add(archive, folder.joinpath(*path), last, part)
            part.length = archive.offset
    return part


@contextlib.contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Open files with the rights of a folder's owner for as long as the block runs, where this process is root's."""
    if os.geteuid():
        yield
        return
    owner, groups = folder.stat(), os.getgroups()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _add(archive: tarfile.TarFile, path: Path, name: str, part: Part) -> None:
    try:
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            archive.addfile(archive.gettarinfo(str(path), arcname=name))
            return
        if not stat.S_ISREG(kind):
            part.left_out += 1
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        # Removed meanwhile.
        return
    with open(descriptor, "rb") as file:
        info = archive.gettarinfo(arcname=name, fileobj=file)
        # A second name of a file is a file of its own.
        info.type, info.linkname, info.size = tarfile.REGTYPE, "", os.fstat(descriptor).st_size
        archive.addfile(info, file)
    part.files += 1
    part.bytes += info.size


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield what an archive has, without keeping it: millions of members would fill the memory."""
    while (member := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]
        yield member


@dataclass(frozen=True)
class Uploads:
    """The folder of uploaded files on a host."""

    folder: Path

    @property
    def loading(self) -> Path:
        """Where files arrive."""
        return self.folder.with_name(self.folder.name + LOADING)

    @property
    def before(self) -> Path:
        """Where the former files are."""
        return self.folder.with_name(self.folder.name + BEFORE)

    def is_filled(self) -> bool:
        """Say whether there is a file."""
        return self.folder.is_dir() and any(files for _folder, _folders, files in os.walk(self.folder))

    def obstacle(self) -> str:
        """Return why another folder can't take its place; empty where it can."""
        if not self.folder.is_dir():
            return f"There is no folder {self.folder} on {os.uname().nodename}."
        if self.folder.is_mount():
            return f"{self.folder} on {os.uname().nodename} is a file system of its own, in whose place no other folder can come."
        return ""

    def unpack(self, archive: Path, first: bool) -> Part:
        """Add a part of an archive to what has arrived.

        :param first: whether nothing has arrived yet; what an interrupted run has left is removed.
        :raises Trouble: there is no room, or the archive has what no folder of uploads may have.
        """
        free = shutil.disk_usage(self.folder.parent).free
        if free < archive.stat().st_size + KEPT_FREE_BYTES:
            raise Trouble(
                f"{self.folder.parent} on {os.uname().nodename} has {free // MEBI} MiB free, too little for the uploaded files.",
                "Make room there, or leave out the uploads, and run this again.",
            )
        if first:
            remove(self.loading)
            # Closed until it takes the place of the live one.
            self.loading.mkdir(mode=0o700)
        part, like = Part(), self.folder.stat()
        with tarfile.open(archive, "r:") as opened:
            for member in members(opened):
                self._take(opened, member, like, part)
        return part

    def _take(self, opened: tarfile.TarFile, member: tarfile.TarInfo, like: os.stat_result, part: Part) -> None:
        parts = [each for each in PurePosixPath(member.name).parts if each != "."]
        if not parts:
            return
        if member.name.startswith("/") or ".." in parts:
            raise Trouble(
                f"The archive has {member.name!r}, which is outside of the folder of uploads.", "Pack it anew, without it."
            )
        target = self.loading.joinpath(*parts)
        self._make_folder(target if member.isdir() else target.parent, like)
        if member.isdir():
            return
        source = opened.extractfile(member) if member.isreg() else None
        if source is None:
            part.left_out += 1
            return
        # Nothing but root is in there yet; a name that comes twice is another archive's than ours.
        remove(target)
        with source, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, MEBI)
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), member.mode & 0o755 | 0o600)
        os.utime(target, (member.mtime, member.mtime))
        part.files += 1
        part.bytes += member.size

    def _make_folder(self, path: Path, like: os.stat_result) -> None:
        for folder in reversed([path, *path.parents]):
            if folder.is_relative_to(self.loading) and folder != self.loading and not folder.is_dir():
                folder.mkdir()
                os.chown(folder, like.st_uid, like.st_gid)
                folder.chmod(stat.S_IMODE(like.st_mode))

    def exchange(self) -> bool:
        """Have what has arrived take the place of the live folder, which stays beside it; say whether anything had arrived."""
        if not self.loading.is_dir():
            return False
        remove(self.before)
        like = self.folder.stat()
        os.chown(self.loading, like.st_uid, like.st_gid)
        self.loading.chmod(stat.S_IMODE(like.st_mode))
        self.folder.rename(self.before)
        self.loading.rename(self.folder)
        return True

    def put_back(self) -> bool:
        """Take an exchange back, after which what had arrived has arrived again."""
        if not self.before.is_dir():
            return False
        self.folder.rename(self.loading)
        self.before.rename(self.folder)
        self.loading.chmod(0o700)
        return True

    def drop(self) -> bool:
        """Remove what has arrived."""
        there = self.loading.is_dir()
        remove(self.loading)
        return there
