# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give a site's uploaded files as an archive, or make an archive into the site's uploaded files."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import uploads
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import carry_out

SPEC: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "state": {
        "type": "str",
        "choices": ["looked", "packed", "unpacked", "exchanged", "put_back", "dropped"],
        "default": "looked",
    },
    "local": {"type": "path"},
    "file": {"type": "path"},
    "after": {"type": "str", "default": ""},
    "first": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, bring)


def bring(module: Call) -> dict[str, Any]:
    """Do what is asked.

    :raises Trouble: the folder is not there, or another one can't take its place.
    """
    state, there = module.params["state"], uploads.Uploads(Path(module.params["path"]))
    if state == "looked":
        return {"changed": False, "is_filled": there.is_filled(), "obstacle": there.obstacle()}
    if state == "packed":
        return {"changed": False, **asdict(packed(there, module.params["after"], Path(module.params["file"])))}
    if module.check_mode:
        return {"changed": state == "unpacked" or there.loading.is_dir()}
    if state == "unpacked":
        if obstacle := there.obstacle():
            raise Trouble(obstacle, "Leave out the uploads, and bring them there by other means.")
        return {"changed": True, **asdict(there.unpack(Path(module.params["file"]), module.params["first"]))}
    work = {"exchanged": there.exchange, "put_back": there.put_back, "dropped": there.drop}
    return {"changed": work[state]()}


def packed(there: uploads.Uploads, after: str, target: Path) -> uploads.Part:
    """Pack the next files where the controller fetches them."""
    if not there.folder.is_dir():
        raise Trouble(f"There is no folder {there.folder} on {os.uname().nodename}.", "Correct site_media_path.")
    part = uploads.pack(there.folder, after, target)
    # Whoever connects fetches it, and is not root everywhere.
    owner = target.parent.stat()
    os.chown(target, owner.st_uid, owner.st_gid)
    return part
