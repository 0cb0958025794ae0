# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put into effect what the files of a system say."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run_for_everybody as run
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import is_first, told
from ansible_collections.hotclub.django.plugins.module_utils.machine.os_settings import (
    Step,
    System,
    authority_steps,
    in_the_way,
    locale_steps,
    memory_of_others,
    service_steps,
    swap_steps,
    sysctl_steps,
)

SPEC: dict[str, Any] = {
    "sysctl": {"type": "dict", "default": {}},
    "swap_path": {"type": "path", "required": True},
    "swap_mb": {"type": "int", "default": 0},
    "has_own_memory": {"type": "bool", "default": True},
    "locale": {"type": "str", "default": "C.UTF-8"},
    "services": {"type": "list", "elements": "str", "default": []},
}


def take(module: Call) -> None:
    """Find the steps, take them, and report."""
    system = System(run)
    steps = steps_of(system, module)
    if not module.check_mode:
        for step in steps:
            step.take()
    if system.notes:
        module.warn(f"Not in effect: {'; '.join(system.notes)}.")
    of_others = first_contact(system, module, steps) if module.comparing and is_first() else {}
    diff = {
        "before": "".join(f"{step.name}: {step.before}\n" for step in steps),
        "after": "".join(f"{step.name}: {step.after}\n" for step in steps),
    }
    module.exit_json(
        changed=bool(steps), steps=[step.name for step in steps], **of_others, **({"diff": diff} if module._diff else {})
    )


def first_contact(system: System, module: Call, steps: list[Step]) -> dict[str, Any]:
    """Return what of the host's memory and disk does not fit; a container shows those of its machine."""
    if not module.params["has_own_memory"]:
        return {}
    makes_swap = module.params["swap_mb"] and any(step.name == "swap" for step in steps)
    swap = in_the_way(system, module.params["swap_path"], module.params["swap_mb"]) if makes_swap else ()
    return told([*swap, *memory_of_others(system)])


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
