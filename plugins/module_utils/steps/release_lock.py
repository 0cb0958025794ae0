# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say on a host who is releasing a site."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, now

SPEC: dict[str, Any] = {
    **SITE,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "what": {"type": "str", "default": "deploy"},
    "holder": {"type": "dict", "default": {}},
    "dead_run": {"type": "str", "default": ""},
    "lease_seconds": {"type": "int", "default": 900},
    "wait_seconds": {"type": "int", "default": 300},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, release if module.params["state"] == "absent" else acquire)


def read(site: Site) -> dict[str, Any]:
    """Return the holder of the lock with the lock's age in seconds; empty when it is free."""
    try:
        holder: dict[str, Any] = json.loads(site.lock_file.read_text())
        holder["age_seconds"] = int(time.time() - site.lock_file.stat().st_mtime)
    except (OSError, ValueError):
        return {}
    return holder


def acquire(module: Call) -> dict[str, Any]:
    """Take the lock, or say who has it."""
    site, mine = site_of(module), module.params["holder"]
    if module.check_mode or not site.root.is_dir():
        return {"changed": False, "taken_over": {}, "serving": site.current()}
    holder = read(site)
    if holder and holder.get("run") == mine.get("run"):
        return {"changed": False, "taken_over": {}, "serving": site.current()}
    dead = holder and (holder.get("run") == module.params["dead_run"] or holder["age_seconds"] >= module.params["lease_seconds"])
    if holder and not dead:
        return {"changed": False, "held_by": holder, "taken_over": {}}
    # Whoever was interrupted may have left a step that still works on this host: let it end.
    with site.step(module.params["wait_seconds"]):
        if read(site).get("run") != holder.get("run"):
            return {"changed": False, "held_by": read(site), "taken_over": {}}
        write_atomically(
            site.lock_file, json.dumps({**mine, "what": module.params["what"], "since": now()}, sort_keys=True) + "\n"
        )
    return {"changed": False, "taken_over": holder, "serving": site.current()}


def release(module: Call) -> dict[str, Any]:
    """Let the lock go when it is ours."""
    site = site_of(module)
    if not module.check_mode and read(site).get("run") == module.params["holder"].get("run"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(site.lock_file)
    return {"changed": False, "taken_over": {}}
