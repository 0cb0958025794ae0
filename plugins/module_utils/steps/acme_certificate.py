# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a site's certificate issued where there is a reason to, and renewed by a timer."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import Acme

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "renew_now": {"type": "bool", "default": False},
    "first": {"type": "bool", "default": True},
}


def take(module: Call) -> None:
    """Run the module."""
    acme = Acme(module.params["site"], run)
    module.exit_json(**(leave(module, acme) if module.params["state"] == "absent" else have(module, acme)))


def leave(module: Call, acme: Acme) -> dict[str, Any]:
    """Ask for no certificate any more."""
    left = bool(acme.leftovers())
    if left and not module.check_mode:
        acme.leave()
    return {"changed": left, "actions": ["disable", "remove"] if left else []}


def have(module: Call, acme: Acme) -> dict[str, Any]:
    """Have a certificate; fail where visitors are warned of the one that is served, warn where only renewing it failed."""
    if module.check_mode and not acme.settings.exists():
        return {"changed": True, "actions": ["enable", "issue"], "reasons": ["there is none yet"], "expires": ""}
    actions = acme.unit_actions()
    found = acme.look()
    reasons = found["reasons"] or (["it was asked for"] if module.params["renew_now"] else [])
    wanted = bool(reasons) or not found["installed"]
    # Another balancer may have one although the authority is left alone.
    asks = wanted and (found["shared"] or not found["waits_until"])
    actions += ["issue"] if asks else []
    # It failed for a reason that is no more.
    settles = bool(found["failure"]) and not wanted
    paused = f"\nNothing is asked before {found['waits_until']}." if found["waits_until"] else ""
    failure = found["failure"] + paused if wanted and not asks else ""
    if not module.check_mode:
        for action in actions:
            if action != "issue":
                acme.perform(action)
        if asks:
            if module.params["renew_now"] and module.params["first"]:
                acme.order_renewal()
            told = acme.ask()
            found = acme.look()
            failure = told and (found["failure"] or told) + paused
        elif settles:
            acme.ask()
    if failure and found["good"]:
        module.warn(f"The certificate of {acme.site} is good until {found['expires']}, but could not be renewed. {failure}")
    elif failure:
        module.fail_json(msg=_trouble(acme, failure), actions=actions, reasons=reasons)
    issued = "issue" in actions and not failure
    changed = bool(set(actions) - {"issue"}) or issued
    return {"changed": changed, "actions": actions, "reasons": reasons, "expires": found["expires"]}


def _trouble(acme: Acme, failure: str) -> str:
    return (
        f"{acme.site} is served, but with a certificate of which visitors are warned: there is none of an authority for all its "
        f"names. {failure}\nWhen it is corrected, run playbooks/site.yml again, with --tags acme for this step alone; the host "
        f"itself tries again twice a day. For the internal authority, set site_tls_mode: internal."
    )
