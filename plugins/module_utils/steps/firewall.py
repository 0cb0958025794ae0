# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load the rules of a firewall; the action plugin of the same name renders them, and comes back to confirm them."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine.firewall import (
    ADMITTED,
    BASE,
    CLOSED,
    LEFT,
    OPENED,
    Firewall,
    bring_about,
    plan,
    read,
    site_file,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import unpack
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files_diff import diff_of

SPEC: dict[str, Any] = {
    "payload": {"type": "str", "required": True},
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "default": CLOSED, "choices": [CLOSED, OPENED, ADMITTED, LEFT]},
    "return_seconds": {"type": "int", "default": 30},
    "confirmed": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Load, or confirm."""
    wanted = module.params
    if wanted["state"] == ADMITTED and not read(BASE):
        module.exit_json(changed=False, actions=[], surplus=False)

    files = unpack(wanted["payload"])
    try:
        outcome = bring_about(
            Firewall(run),
            lambda: plan(wanted["state"], files, site_file(wanted["site"])),
            confirmed=wanted["confirmed"],
            seconds=wanted["return_seconds"],
            dry=module.check_mode,
        )
    except Trouble as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(outcome.changes or outcome.actions),
        files=[change.path for change in outcome.changes],
        actions=outcome.actions,
        surplus=outcome.surplus,
        waits=outcome.pending,
        returned=outcome.returned,
        **({"diff": diff_of(outcome.changes)} if module._diff else {}),
    )
