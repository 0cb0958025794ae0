# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy a site's uploaded files into the storage that its settings name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import (
    LOCKED,
    LOCKING,
    SITE,
    asking_of,
    carry_out,
    run_of,
    site_of,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import let_go
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import take as take_lock
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import renewed
from ansible_collections.hotclub.django.plugins.module_utils.release.project import ANSWER, Interpreter

NOTHING: dict[str, Any] = {
    "files": 0, "bytes": 0, "copied": 0, "copied_bytes": 0, "removed": 0, "unmoved": 0, "failures": [], "next": ""
}  # fmt: skip

SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    **LOCKING,
    "what": {"type": "str", "default": "move_media"},
    "folder": {"type": "path", "required": True},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "remove": {"type": "bool", "default": False},
    "after": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": 60},
    "locked": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, move)


def move(module: Call) -> dict[str, Any]:
    """Copy some of the files, or remove some that were copied, while nobody deploys.

    The lock stays with the run until it has come to the end.

    :raises Trouble: nothing serves, or the release stores its files in the folder itself.
    """
    site, folder = site_of(module), module.params["folder"]
    if not Path(folder).is_dir() or not any(Path(folder).iterdir()):
        return {"changed": False, **NOTHING}
    current = site.current()
    if not current:
        raise Trouble(f"{site.name} has no release on this host, but {folder} holds files.", "Run playbooks/site.yml first.")
    if module.check_mode:
        return moved(module, site, current)
    run = run_of(module)
    answer = take_lock(site, asking_of(module))
    if answer.held_by:
        return {"changed": False, "held_by": answer.held_by}
    # Not for whoever had it before.
    locked, result = answer.is_new or module.params["locked"], dict(NOTHING)
    try:
        # Not as a step of a release, which would keep requests from being held meanwhile: this may take hours.
        with renewed(site.lock_file, run):
            result = moved(module, site, current)
    finally:
        if locked and not result["next"]:
            let_go(site, run)
    return {**result, "locked": locked}


def moved(module: Call, site: Site, current: str) -> dict[str, Any]:
    """Go through some of the files with the release that serves, and return what became of them."""
    wanted, folder = module.params, module.params["folder"]
    interpreter = Interpreter(site, current)
    extra = {name: str(value) for name, value in wanted["environment"].items()}
    interpreter.hidden += [value for value in extra.values() if len(value) >= 16]
    action = "look" if module.check_mode else "remove" if wanted["remove"] else "copy"
    done = interpreter.run(
        [str(site.root / "lib" / "move_media.py"), folder, action, wanted["after"], str(wanted["seconds"])], extra
    )
    told = [line for line in done.stdout.splitlines() if line.startswith(ANSWER)]
    if not told:
        raise Trouble(
            f"The uploaded files of {site.name} can't be moved; nothing was removed.",
            "Correct the site_media_* variables, or the project's own settings, and run this again.",
            done.tail(10),
        )
    answer: dict[str, Any] = json.loads(told[-1][len(ANSWER) :])
    if answer.get("same"):
        raise Trouble(
            f"Release {current} stores its files in {folder} itself, so there is nowhere to move them.",
            "Set site_media_storage to s3 or shared, and for s3 deploy once (playbooks/deploy.yml), which installs its client; "
            "a project with settings of its own must read the AWS_* variables.",
        )
    failures = answer.pop("failed")
    # A host that has no site.yml since then goes through all of them at once.
    return {
        **NOTHING,
        "changed": bool(answer["copied"] or answer["removed"]),
        "unmoved": len(failures),
        **answer,
        "failures": failures,
    }
