# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load the rules of a firewall; the action plugin of the same name renders them, and comes back to confirm them."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine import first_contact, listeners, other_firewalls
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
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import Wanted, unpack
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

    files, firewall = unpack(wanted["payload"]), Firewall(run)
    outcome = bring_about(
        firewall,
        lambda: plan(wanted["state"], files, site_file(wanted["site"])),
        confirmed=wanted["confirmed"],
        seconds=wanted["return_seconds"],
        dry=module.check_mode,
    )
    module.exit_json(
        changed=bool(outcome.changes or outcome.actions),
        files=[change.path for change in outcome.changes],
        actions=outcome.actions,
        surplus=outcome.surplus,
        waits=outcome.pending,
        returned=outcome.returned,
        **(of_others(firewall, wanted["state"], files, wanted["site"]) if module.comparing and outcome.actions else {}),
        **({"diff": diff_of(outcome.changes)} if module._diff else {}),
    )


def of_others(firewall: Firewall, state: str, files: list[Wanted], site: str) -> dict[str, Any]:
    """Return whom the first firewall of this host would cut off, and which others would cut off the site."""
    if state not in (CLOSED, OPENED) or read(BASE) or (firewall.installed and firewall.table()):
        return {}
    rules = plan(state, files, site_file(site)).text
    return first_contact.told([*listeners.cut_off(listeners.listeners(run), rules), *other_firewalls.other_firewalls(run, rules)])
