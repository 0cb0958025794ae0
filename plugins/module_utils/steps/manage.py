# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a Django management command in the release that serves."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter

SPEC: dict[str, Any] = {
    **SITE,
    "command": {"type": "str", "required": True},
    "environment": {"type": "dict", "default": {}, "no_log": True},
}


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
    interpreter = Interpreter(site, current)
    extra = {name: str(value) for name, value in module.params["environment"].items()}
    interpreter.hidden += [value for value in extra.values() if len(value) >= 6]
    output = interpreter.manage(command, extra)
    return {"changed": True, "output": output or "(it printed nothing)"}
