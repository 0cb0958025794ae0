# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the web server serves under the static URL: the files of every release that is kept.

A page that an old release rendered asks for that release's hashed files while the new one serves already, so the new
files come before the switch and the old ones go only with their release.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


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
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        beside.unlink(missing_ok=True)
        # The same file under a second name: no copy, and a release that is pruned takes nothing away.
        os.link(source / name, beside)
        os.replace(beside, target)
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


def _same(file: Path, served: Path) -> bool:
    """Say whether a file is served as it is: mostly it is the very same one under a second name."""
    return served.is_file() and (served.samefile(file) or filecmp.cmp(file, served, shallow=False))


def _files(folder: Path) -> Iterator[str]:
    for top, _directories, files in os.walk(folder):
        for name in files:
            yield os.path.relpath(os.path.join(top, name), folder)
