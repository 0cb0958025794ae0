# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the static files of a release to a balancer that runs no release itself."""

from __future__ import annotations

import base64
import io
import os
import tarfile
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

# What the web server's account must be able to read, and nobody but root to write.
FOLDER_MODE, FILE_MODE = 0o755, 0o644

SPEC: dict[str, Any] = {
    **SITE,
    "release": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["present", "packed"], "default": "present"},
    "pack": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 5},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, packed if module.params["state"] == "packed" else present)


def packed(module: Call) -> dict[str, Any]:
    """Return the static files of a release as text.

    :raises Trouble: this host has no such release.
    """
    site, release = site_of(module), module.params["release"]
    if release not in site.built():
        raise Trouble(f"This host has no release {release!r}.", f"It has: {', '.join(site.built()) or 'none'}.")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        archive.add(site.release(release) / "static", "static", filter=plain)
        archive.add(site.release(release) / "RELEASE.json", "RELEASE.json", filter=plain)
    return {"changed": False, "pack": base64.b64encode(stream.getvalue()).decode()}


def present(module: Call) -> dict[str, Any]:
    """Serve the static files of a release, by default the newest here, or say that they are missing."""
    site = site_of(module)
    release = module.params["release"] or max(site.built(), default="")
    if release not in site.built():
        if not module.params["pack"]:
            return {"changed": False, "release": release, "missing": True}
        if not module.check_mode:
            unpack(site, release, base64.b64decode(module.params["pack"]))
    if module.check_mode:
        changed = bool(module.params["pack"]) or not static_files.is_published(site, release)
        return {"changed": changed, "release": release, "missing": False}
    changed = static_files.publish(site, release)
    if module.params["pack"]:
        # A balancer that runs the site itself has its releases pruned with it.
        kept = sorted({release, *site.built()[-module.params["keep"] :]})
        for old in set(site.built()) - set(kept):
            remove(site.release(old))
        static_files.prune(site, kept)
    return {"changed": changed or bool(module.params["pack"]), "release": release, "missing": False}


def unpack(site: Site, release: str, content: bytes) -> None:
    """Put a pack into the place of the release, all of it or nothing."""
    for folder in (site.root, site.releases, site.static):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    beside = site.releases / f".{release}.new"
    remove(beside)
    beside.mkdir(mode=FOLDER_MODE)
    (beside / "static").mkdir(mode=FOLDER_MODE)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive.getmembers():
            name = os.path.normpath(member.name)
            if not member.isfile() or name.startswith(("/", "..")):
                continue
            target = beside / name
            target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            source = archive.extractfile(member)
            if source is not None:
                target.write_bytes(source.read())
                os.chmod(target, FILE_MODE)
                os.utime(target, (member.mtime, member.mtime))
    os.replace(beside, site.release(release))


def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owns a file: it is root's wherever it comes to."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
