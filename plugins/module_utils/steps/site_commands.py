# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell of the management commands that go on by themselves, show what one has printed, or stop one."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands

SPEC: dict[str, Any] = {
    **SITE,
    "state": {"type": "str", "choices": ["listed", "shown", "stopped"], "default": "listed"},
    "identifier": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, tell)


def tell(module: Call) -> dict[str, Any]:
    """Tell of all, or of one; a host that has none of that id says nothing."""
    commands, identifier, state = Commands(site_of(module)), module.params["identifier"], module.params["state"]
    found = commands.all()
    if state == "listed":
        return {"changed": False, "commands": found, "output": "\n".join(map(line_of, found))}
    known = [one for one in found if one["identifier"] == identifier]
    changed = False
    if known and state == "stopped" and known[0]["state"] == "runs":
        changed = True
        if not module.check_mode:
            commands.stop(identifier)
            known = [commands.known(identifier)]
    output = "\n".join(map(line_of, known))
    if known and state == "shown":
        output += f"\n\n{commands.log(identifier) or '(it has printed nothing)'}"
    return {"changed": changed, "commands": known, "output": output}


def line_of(one: Mapping[str, Any]) -> str:
    """Return what there is to know of a command in a line."""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one["began"]))
    until = one["ended"] or (time.time() if one["state"] == "runs" else None)
    took = f" after {until - one['began']:.0f} s" if until else ""
    # Its arguments may be nobody's business.
    name = one["command"].split()[0]
    begun = f"begun by {one['by']} at {began} UTC on {os.uname().nodename} in {one['release']}"
    return f"{one['identifier']}: {name} {one['state']}{took}, {begun}"
