# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say on a host who is releasing a site."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
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
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import look_at_once

SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    **LOCKING,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait_seconds": {"type": "int", "default": 300},
    "silent_seconds": {"type": "int", "default": 0},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, release if module.params["state"] == "absent" else acquire)


def acquire(module: Call) -> dict[str, Any]:
    """Take the lock, or say who has it."""
    site = site_of(module)
    if module.check_mode or not site.root.is_dir():
        return {"changed": False, "taken_over": {}, "serving": site.current()}
    answer = take_lock(site, asking_of(module))
    if answer.held_by:
        return {"changed": False, "held_by": answer.held_by, "taken_over": {}}
    return {"changed": False, "taken_over": answer.taken_over, "serving": site.current()}


def release(module: Call) -> dict[str, Any]:
    """Let the lock go when it is ours."""
    if not module.check_mode:
        let_go(site_of(module), run_of(module))
        # A rollback ends here.
        look_at_once(site_of(module))
    return {"changed": False, "taken_over": {}}
