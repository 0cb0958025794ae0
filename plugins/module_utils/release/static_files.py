# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the web server serves under the static URL: the files of every release that is kept.

A page that an old release rendered asks for that release's hashed files while the new one serves already, so the new
files come before the switch and the old ones go only with their release.

A file that several releases have is one file with several names. Each release has a list of its files with their hashes.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import beside, remove
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import (
    Entry,
    Incoming,
    digest,
    lies_within,
    read_list,
    write_list,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

LIST = "static.list"
# What the web server's account must be able to read, and nobody but root to write.
FOLDER_MODE, FILE_MODE = 0o755, 0o644
# Another file system, or a file with more names than this one takes.
NO_LINK = (errno.EXDEV, errno.EMLINK, errno.EPERM)


def seal(site: Site, release: str) -> None:
    """Write the list of a release's static files, and have those that older releases have too on the disk once."""
    folder = site.release(release)
    known = known_files(site)
    entries = []
    for name in sorted(_files(folder / "static")):
        path = folder / "static" / name
        if not path.is_symlink():
            entries.append(_united(site, path, Entry(name, path.stat().st_size, 0, digest(path)), known))
    write_list(folder / LIST, entries)


def known_files(site: Site) -> dict[str, Path]:
    """Return by hash the static files of the releases that are here, those alone that are as their list says."""
    known: dict[str, Path] = {}
    for release in reversed(site.built()):
        folder = site.release(release)
        if not (folder / LIST).exists():
            continue
        for entry in read_list(folder / LIST):
            path = folder / "static" / entry.name
            if entry.sha256 not in known and _is_as_listed(path, entry):
                known[entry.sha256] = path
    return known


def _is_as_listed(path: Path, entry: Entry) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime)


def _united(site: Site, path: Path, entry: Entry, known: dict[str, Path]) -> Entry:
    """Make a file the same as one that is known already, or as what is served, where its content is the same."""
    served = site.static / entry.name
    if entry.sha256 in known:
        _link(known[entry.sha256], path)
    elif served.is_file() and filecmp.cmp(path, served, shallow=False) and served.stat().st_dev == path.stat().st_dev:
        _link(served, path)
    known.setdefault(entry.sha256, path)
    return entry._replace(mtime=path.stat().st_mtime_ns)


def assemble(site: Site, release: str, description: str, entries: Sequence[Entry], incoming: Incoming) -> None:
    """Put the static files of a release together from those of older ones and from what has arrived: all or nothing.

    :raises Trouble: the list names a place outside of the folder.
    """
    for folder in (site.root, site.releases, site.static):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    known = known_files(site)
    new = site.releases / f".{release}.new"
    remove(new)
    (new / "static").mkdir(mode=FOLDER_MODE, parents=True)
    placed = []
    for entry in entries:
        if not lies_within(entry.name):
            raise Trouble(f"A static file is called {entry.name}, which is outside of its folder.", "Rename it.")
        path = new / "static" / entry.name
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if entry.sha256 not in known:
            arrived = incoming.path(entry)
            os.chmod(arrived, FILE_MODE)
            os.utime(arrived, ns=(entry.mtime, entry.mtime))
            _link(arrived, path)
        placed.append(_united(site, path, entry, known))
    write_list(new / LIST, placed)
    (new / "RELEASE.json").write_text(description)
    # What is called a release is on the disk as a whole.
    os.sync()
    os.replace(new, site.release(release))


def lacking(site: Site, entries: Sequence[Entry], incoming: Incoming) -> list[int]:
    """Return the places in a list of the files that neither a release here nor what has arrived has."""
    known = known_files(site)
    return [place for place, entry in enumerate(entries) if entry.sha256 not in known and not incoming.has(entry)]


def publish(site: Site, release: str) -> bool:
    """Add a release's static files to what is served; its files win over those of other releases.

    Unchanged files keep their time, and so their ETag.

    :returns: whether anything changed.
    """
    changed = False
    source = site.release(release) / "static"
    for name in _files(source):
        target = site.static / name
        if _same(source / name, target):
            continue
        target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # The same file under a second name: no copy, and a release that is pruned takes nothing away.
        _link(source / name, target)
        changed = True
    return changed


def is_published(site: Site, release: str) -> bool:
    """Say whether all static files of a release are served."""
    source = site.release(release) / "static"
    return all(_same(source / name, site.static / name) for name in _files(source))


def prune(site: Site, kept: list[str]) -> bool:
    """Remove from what is served the files that no kept release has.

    :param kept: ids of the releases that stay.
    :returns: whether anything was removed.
    """
    wanted = {name for release in kept for name in _files(site.release(release) / "static")}
    gone = [name for name in _files(site.static) if name not in wanted]
    for name in gone:
        (site.static / name).unlink()
    for top, directories, files in os.walk(site.static, topdown=False):
        if not directories and not files and Path(top) != site.static:
            os.rmdir(top)
    return bool(gone)


def _link(file: Path, name: Path) -> None:
    """Give a file a second name, in place of another file, or copy it where it can't have one."""
    with beside(name) as temporary:
        try:
            os.link(file, temporary)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            shutil.copy2(file, temporary, follow_symlinks=False)
        os.replace(temporary, name)


def _same(file: Path, served: Path) -> bool:
    """Say whether a file is served as it is: mostly it is the very same one under a second name."""
    return served.is_file() and (served.samefile(file) or filecmp.cmp(file, served, shallow=False))


def _files(folder: Path) -> Iterator[str]:
    for top, _directories, files in os.walk(folder):
        for name in files:
            yield os.path.relpath(os.path.join(top, name), folder)
