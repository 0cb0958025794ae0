# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that change in one step and are on disk when they have: after a power cut there is the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def put(path: str | Path, content: bytes | str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Write a file, new or not, which nobody can read before its owner and its permissions are right.

    :param owner: numbers of account and group; those of this process when left out.
    """
    with beside(path) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if owner:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, str(path))
    sync(os.path.dirname(path))


def append_line(path: Path, line: str) -> None:
    """Add a line to a file that its owner alone reads, and have it on disk."""
    with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b") as file:
        # What a power cut has left is a line by itself, and spoils no other.
        file.write((b"" if ends_a_line(file) else b"\n") + line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def ends_a_line(file: BinaryIO) -> bool:
    """Say whether what is added to a file begins a line."""
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def put_link(path: str | Path, target: str) -> None:
    """Make a link, in place of a file or another link."""
    with beside(path) as temporary:
        os.symlink(target, temporary)
        os.replace(temporary, str(path))
    sync(os.path.dirname(path))


def write_atomically(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a file, with the folders above it, unless it says the same already.

    :returns: whether its content changed.
    """
    with contextlib.suppress(OSError):
        if path.read_text() == text:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    put(path, text, mode)
    return True


def link_atomically(path: Path, target: str) -> bool:
    """Point a link somewhere else.

    :returns: whether it pointed elsewhere before.
    """
    with contextlib.suppress(OSError):
        if os.readlink(path) == target:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    put_link(path, target)
    return True


@contextlib.contextmanager
def beside(path: str | Path) -> Iterator[str]:
    """Give a hidden name in the folder of a path, on the same file system; nothing is left of it afterwards."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def sync(folder: str) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def prune(versions: Path, newest: str, kept: int) -> None:
    """Remove the oldest versions, whose names sort by time.

    :param newest: the name of the one in use, which stays whatever its name.
    :param kept: how many stay, that one included.
    """
    others = sorted(entry.name for entry in versions.iterdir() if entry.name != newest)
    for name in others[: max(len(others) - kept + 1, 0)]:
        remove(versions / name)


def own(path: Path, user: str, group: str, *, directory_mode: int = 0o750, file_mode: int = 0o640) -> None:
    """Give a whole tree to an account, executables kept executable, links not followed.

    :param path: the top of the tree.
    :param user: owner of everything in it.
    :param group: its group, by name.
    """
    uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    os.chown(path, uid, gid)
    os.chmod(path, directory_mode)
    for top, directories, files in os.walk(path):
        for name in directories:
            entry = os.path.join(top, name)
            os.lchown(entry, uid, gid)
            if not os.path.islink(entry):
                os.chmod(entry, directory_mode)
        for name in files:
            entry = os.path.join(top, name)
            os.lchown(entry, uid, gid)
            if not os.path.islink(entry):
                executable = os.stat(entry).st_mode & 0o100
                os.chmod(entry, file_mode | ((file_mode & 0o444) >> 2 if executable else 0))


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; nothing there is fine."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
