# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the static files of a release to a balancer that runs no release itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import (
    Incoming,
    digest,
    pack,
    part_of,
    parts_of,
    read_list,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

SPEC: dict[str, Any] = {
    **SITE,
    "release": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["present", "listed", "packed"], "default": "present"},
    "list": {"type": "str", "default": ""},
    "description": {"type": "str", "default": ""},
    "part": {"type": "str", "default": ""},
    "file": {"type": "path"},
    "keep": {"type": "int", "default": 5},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, present if module.params["state"] == "present" else given)


def given(module: Call) -> dict[str, Any]:
    """Write the list of a release's static files, or a pack of a part of them, where the controller fetches it.

    :raises Trouble: this host has no such release.
    """
    site, release, target = site_of(module), module.params["release"], Path(module.params["file"])
    if release not in site.built():
        raise Trouble(f"This host has no release {release!r}.", f"It has: {', '.join(site.built()) or 'none'}.")
    folder = site.release(release)
    if not (folder / static_files.LIST).exists():
        # Built before releases had one.
        static_files.seal(site, release)
    if module.params["state"] == "listed":
        target.write_bytes((folder / static_files.LIST).read_bytes())
    else:
        pack(folder / "static", part_of(list(read_list(folder / static_files.LIST)), module.params["part"]), target)
    # Whoever connects fetches it, and is not root everywhere.
    owner = target.parent.stat()
    os.chown(target, owner.st_uid, owner.st_gid)
    return {"changed": False, "list": digest(folder / static_files.LIST), "description": (folder / "RELEASE.json").read_text()}


def present(module: Call) -> dict[str, Any]:
    """Serve the static files of a release, by default the newest here, or say what is missing of them."""
    site = site_of(module)
    release = module.params["release"] or max(site.built(), default="")
    brought = release not in site.built()
    if brought:
        if not module.params["list"] or module.check_mode:
            return {"changed": False, "release": release, "missing": True, "parts": []}
        if parts := taken_in(module, site, release):
            return {"changed": True, "release": release, "missing": True, "parts": parts}
    if module.check_mode:
        return {"changed": not static_files.is_published(site, release), "release": release, "missing": False}
    changed = static_files.publish(site, release)
    if brought:
        # A balancer that runs the site itself has its releases pruned with it.
        kept = sorted({release, *site.built()[-module.params["keep"] :]})
        for old in set(site.built()) - set(kept):
            remove(site.release(old))
        static_files.prune(site, kept)
    return {"changed": changed or brought, "release": release, "missing": False, "parts": []}


def taken_in(module: Call, site: Site, release: str) -> list[str]:
    """Take in what was sent, and return the parts that are lacking still: with none, the release's files are here."""
    incoming = Incoming(site.incoming)
    sha256, part, file = (module.params[name] for name in ("list", "part", "file"))
    incoming.take_in(Path(file), sha256, part)
    entries = incoming.entries(sha256)
    if lacking := static_files.lacking(site, entries, incoming):
        return parts_of(entries, lacking)
    static_files.assemble(site, release, module.params["description"], entries, incoming)
    incoming.clear(sha256, *(entry.sha256 for entry in entries))
    return []
