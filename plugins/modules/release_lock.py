#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say on a host who is releasing a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_lock
short_description: Hold or release the deployment lock of a site
description:
  - One deployment at a time. The lock says who holds it, from where, since when and for what.
  - A lock whose controller process is known to be dead, or that nobody has renewed for O(lease_seconds), is taken over.
  - An action plugin of the same name adds who is asking.
options:
  state:
    description: Whether the lock is to be held or let go.
    type: str
    choices: [present, absent]
    default: present
  what:
    description: What is going on, for whoever meets the lock.
    type: str
    default: deploy
  holder:
    description: Who asks. Set by the action plugin.
    type: dict
    default: {}
  dead_run:
    description: A holder whose process is known to be gone. Set by the action plugin.
    type: str
    default: ""
  lease_seconds:
    description: Age in seconds at which a lock that no step has renewed is taken over.
    type: int
    default: 900
  wait_seconds:
    description: How long to wait for a step that an interrupted deployment left running on the host.
    type: int
    default: 300
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Take the deployment lock
  hotclub.django.release_lock:
    name: shop
    root: /srv/shop
    what: deploy v1.4
"""

RETURN = r"""
held_by:
  description: The present holder, when somebody else holds the lock.
  type: dict
  returned: when the lock was refused
serving:
  description: The release that serves while the lock is taken, which is the one to return to; empty when there is none.
  type: str
  returned: when the lock was taken
taken_over:
  description: The dead holder from whom the lock was taken.
  type: dict
  returned: always
"""

import contextlib
import json
import os
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, now


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SITE,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "what": {"type": "str", "default": "deploy"},
            "holder": {"type": "dict", "default": {}},
            "dead_run": {"type": "str", "default": ""},
            "lease_seconds": {"type": "int", "default": 900},
            "wait_seconds": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    carry_out(module, release if module.params["state"] == "absent" else acquire)


def read(site: Site) -> dict[str, Any]:
    """Return the holder of the lock with the lock's age in seconds; empty when it is free."""
    try:
        holder: dict[str, Any] = json.loads(site.lock_file.read_text())
        holder["age_seconds"] = int(time.time() - site.lock_file.stat().st_mtime)
    except (OSError, ValueError):
        return {}
    return holder


def acquire(module: AnsibleModule) -> dict[str, Any]:
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


def release(module: AnsibleModule) -> dict[str, Any]:
    """Let the lock go when it is ours."""
    site = site_of(module)
    if not module.check_mode and read(site).get("run") == module.params["holder"].get("run"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(site.lock_file)
    return {"changed": False, "taken_over": {}}


if __name__ == "__main__":
    main()
