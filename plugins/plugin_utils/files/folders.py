# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder of the controller that hosts get: listed and packed once in a run, whichever of its processes comes first."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.contents import (
    Entry,
    digest,
    line_of,
    pack,
    part_of,
    read_list,
    write_list,
)

LEFT_OUT = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox"}


class Listed:
    """The files of a folder as they were when this run first looked.

    :param folder: the folder.
    :param of_run: a folder that all processes of the run share and that goes with it. Packs stay there until then: another
        host may be sent the same one later.
    """

    def __init__(self, folder: Path, of_run: Path) -> None:
        self.folder = folder
        self._stem = of_run / f"source-{short_hash(str(folder.resolve()))}"
        self.list = once(Path(f"{self._stem}.list"), lambda path: write_list(path, entries_of(folder)))
        self.sha256 = digest(self.list)

    @property
    def commit(self) -> str:
        """What stands for a commit: it depends on names, contents and executable bits alone."""
        found = hashlib.sha1(usedforsecurity=False)
        for entry in read_list(self.list):
            found.update(line_of(entry))
        return found.hexdigest()

    def pack(self, part: str) -> Path:
        """Return the pack of a part of the list.

        :raises Trouble: a file is not what it was when it was listed.
        """

        def make(path: Path) -> None:
            pack(self.folder, part_of(list(read_list(self.list)), part), path)

        return once(Path(f"{self._stem}-{self.sha256[:16]}-{short_hash(part)}.pack"), make)


def short_hash(text: str) -> str:
    """Return what stands for a text in the name of a file."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """Have a file made by one process, while others that want it wait."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            beside = Path(f"{path}.new")
            make(beside)
            beside.replace(path)
    return path


def entries_of(folder: Path) -> Iterator[Entry]:
    """Yield the files to deploy, and the links among them."""
    for name in files_of(folder):
        path = folder / name
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            yield Entry(name, status.st_size, 0, digest(path), bool(status.st_mode & 0o100))
        elif stat.S_ISLNK(status.st_mode):
            yield Entry(name, 0, 0, "", link=os.readlink(path))


def files_of(folder: Path) -> list[str]:
    """Return the files to deploy: what git knows or would add, else everything but caches and environments."""
    listed = subprocess.run(
        # What the folder's own settings say is to be run while git looks at files stays alone: nobody may have seen it.
        ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    # A folder that a repository around it ignores has no files of git's: everything in it counts.
    if listed.returncode == 0 and listed.stdout:
        names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
        return sorted(name for name in names if os.path.lexists(folder / name))
    found = []
    for top, directories, files in os.walk(folder):
        directories[:] = [name for name in directories if name not in LEFT_OUT]
        linked = [name for name in directories if os.path.islink(os.path.join(top, name))]
        found += [os.path.relpath(os.path.join(top, name), folder) for name in [*files, *linked] if not name.endswith(".pyc")]
    return sorted(found)
