# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put into effect what the files of a system say."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run_for_everybody as run
from ansible_collections.hotclub.django.plugins.module_utils.machine.os_settings import (
    Step,
    System,
    authority_steps,
    locale_steps,
    service_steps,
    swap_steps,
    sysctl_steps,
)

SPEC: dict[str, Any] = {
    "sysctl": {"type": "dict", "default": {}},
    "swap_path": {"type": "path", "required": True},
    "swap_mb": {"type": "int", "default": 0},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "services": {"type": "list", "elements": "str", "default": []},
}


def take(module: Call) -> None:
    """Find the steps, take them, and report."""

    system = System(run)
    try:
        steps = steps_of(system, module)
        if not module.check_mode:
            for step in steps:
                step.take()
    except Trouble as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'}: {error.strerror}.")
    if system.notes:
        module.warn(f"Not in effect: {'; '.join(system.notes)}.")
    diff = {
        "before": "".join(f"{step.name}: {step.before}\n" for step in steps),
        "after": "".join(f"{step.name}: {step.after}\n" for step in steps),
    }
    module.exit_json(changed=bool(steps), steps=[step.name for step in steps], **({"diff": diff} if module._diff else {}))


def steps_of(system: System, module: Call) -> list[Step]:
    """Return everything that the system needs."""
    wanted = module.params
    return [
        *sysctl_steps(system, wanted["sysctl"]),
        *swap_steps(system, wanted["swap_path"], wanted["swap_mb"]),
        *locale_steps(system, wanted["locale"]),
        *authority_steps(system),
        *service_steps(system, wanted["services"]),
    ]
