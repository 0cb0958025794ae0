# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the accounts that may sign in with a key and become root."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run_for_everybody as run
from ansible_collections.hotclub.django.plugins.module_utils.machine.administrators import Host, login, steps

element = {
    "name": {"type": "str", "required": True},
    "keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
}
SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "administrators": {"type": "list", "elements": "dict", "options": element, "required": True},
}


def take(module: Call) -> None:
    """Find the steps, take them, and report."""
    wanted = {each["name"]: each["keys"] for each in module.params["administrators"]}
    signed_in = login(run, os.environ)
    found = list(steps(Host(run, module.params["name"]), wanted, signed_in["account"]))
    if not module.check_mode:
        for step in found:
            step.take()
    names = [step.name for step in found]
    diff = {"diff": {"before": "", "after": "".join(f"{name}\n" for name in names)}} if module._diff else {}
    module.exit_json(changed=bool(names), steps=names, login=signed_in, **diff)
