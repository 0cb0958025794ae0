# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the accounts of services as their file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine import system_accounts
from ansible_collections.hotclub.django.plugins.module_utils.machine.system_accounts import Accounts, steps

SPEC: dict[str, Any] = {"path": {"type": "path", "required": True}}


def take(module: Call) -> None:
    """Find what differs, and make it so."""
    path = Path(module.params["path"])
    if module.check_mode and not path.exists():
        # The step before this one writes it.
        module.exit_json(changed=True, steps=["accounts"])
    found = list(steps(str(path), path.read_text(), Accounts()))
    if not module.check_mode:
        for step in found:
            system_accounts.take(step, run)
    diff = {
        "before": "".join(f"{step.name}: {step.before}\n" for step in found),
        "after": "".join(f"{step.name}: {step.after}\n" for step in found),
    }
    module.exit_json(changed=bool(found), steps=[step.name for step in found], **({"diff": diff} if module._diff else {}))
