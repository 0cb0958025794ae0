# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a Django management command in the release that serves."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter

SPEC: dict[str, Any] = {
    **SITE,
    "command": {"type": "str", "required": True},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "detach": {"type": "bool", "default": False},
    "seconds": {"type": "int", "default": 86400},
    "by": {"type": "str", "default": ""},
}
GOES_ON = """\
{identifier} goes on, on {host}, in release {release}, for {seconds} s at most.
What it prints:  playbooks/commands.yml -e commands_log={identifier}
To stop it:      playbooks/commands.yml -e commands_stop={identifier}"""


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, manage)


def manage(module: Call) -> dict[str, Any]:
    """Run the command.

    :raises Trouble: nothing serves yet, or the command failed.
    """
    site, command = site_of(module), module.params["command"]
    current = site.current()
    if module.check_mode:
        return {"changed": False, "output": "(not run in check mode)"}
    if not current:
        raise Trouble(f"{site.name} has no release on this host.", "Run playbooks/site.yml first.")
    extra = {name: str(value) for name, value in module.params["environment"].items()}
    if module.params["detach"]:
        return detached(module, site, extra)
    interpreter = Interpreter(site, current)
    interpreter.hidden += [value for value in extra.values() if len(value) >= 6]
    output = interpreter.manage(command, extra)
    return {"changed": True, "output": output or "(it printed nothing)"}


def detached(module: Call, site: Site, extra: dict[str, str]) -> dict[str, Any]:
    """Begin a command that goes on by itself.

    :raises Trouble: there is no time for it, or it can't be begun.
    """
    command, seconds = module.params["command"], module.params["seconds"]
    if seconds < 1:
        raise Trouble(f"manage_seconds is {seconds}.", "Write for how many seconds the command may run, at least 1.")
    begun = Commands(site).begin(command, extra, seconds, module.params["by"] or "somebody")
    said = GOES_ON.format(identifier=begun.identifier, host=os.uname().nodename, release=begun.release, seconds=seconds)
    return {"changed": True, "output": said, "identifier": begun.identifier}
