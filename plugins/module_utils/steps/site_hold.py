# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let all requests of a site wait on this host for some seconds, and go on."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.holding import Hold

SPEC: dict[str, Any] = {
    **SITE,
    "state": {"type": "str", "choices": ["held", "released"], "required": True},
    "seconds": {"type": "int", "default": 30},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, hold if module.params["state"] == "held" else release)


def hold(module: Call) -> dict[str, Any]:
    """Let requests wait."""
    site = site_of(module)
    if not site.current():
        return {"changed": False, "held": False}
    held = Hold(site)
    if module.check_mode:
        return {"changed": not held.is_held(), "held": held.is_held()}
    with site.step(wait_seconds=30):
        changed = held.take(module.params["seconds"])
    return {"changed": changed, "held": held.is_held()}


def release(module: Call) -> dict[str, Any]:
    """Let them go on."""
    site = site_of(module)
    held = Hold(site)
    if not site.current() or module.check_mode:
        return {"changed": held.is_held(), "held": False, "held_seconds": 0.0}
    with site.step(wait_seconds=30):
        was_held = held.is_held()
        seconds = held.release()
    return {"changed": was_held, "held": False, "held_seconds": round(seconds, 3)}
