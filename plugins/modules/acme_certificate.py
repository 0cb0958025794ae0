#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a site's certificate issued where there is a reason to, and renewed by a timer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
version_added: 0.1.0
short_description: Have a certificate by ACME for a site
author: The hotclub.django authors (@hotclub)
description:
  - >-
    Works with what the role acme has written. Looks whether the certificate is there, for the right names, of the right
    authority and not about to end, which asks nobody. Only if not, starts the service that asks the authority.
  - >-
    A failure leaves the certificate that is served as it is. The step fails when visitors are warned, since what is served is
    no authority's or not for every name, and warns when there is time left until it ends.
  - An authority that asked for a pause is left alone until it is over.
  - >-
    Where the site has several balancers, each takes the newest certificate that one of them has, and asks the authority where
    none has one that will do. Run it on one after another, so that the first asks for all.
options:
  site:
    description: The site's name.
    type: str
    required: true
  state:
    description: Whether there shall be a certificate by ACME. What is served stays in place when there shall be none.
    type: str
    choices: [present, absent]
    default: present
  renew_now:
    description: Whether to get a new certificate although nothing asks for it.
    type: bool
    default: false
  first:
    description: >-
      Whether this host is the first of the site's balancers in this run. With O(renew_now), it alone asks the authority, and the
      others look what it was given.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = r"""
- name: Have a certificate, and a timer that renews it
  hotclub.django.acme_certificate:
    site: shop
"""

RETURN = r"""
actions:
  description: What was done, among C(daemon-reload), C(enable), C(disable),
    C(listen), C(listen-no-more), C(issue) and C(remove).
  returned: always
  type: list
  elements: str
reasons:
  description: Why a certificate was asked for.
  returned: when there shall be one
  type: list
  elements: str
expires:
  description: The day on which the certificate ends that is served.
  returned: when there shall be one
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.service import runner
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import Acme


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        {
            "site": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "renew_now": {"type": "bool", "default": False},
            "first": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    acme = Acme(module.params["site"], runner(module))
    try:
        result = leave(module, acme) if module.params["state"] == "absent" else have(module, acme)
    except Trouble as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def leave(module: AnsibleModule, acme: Acme) -> dict[str, Any]:
    """Ask for no certificate any more."""
    left = bool(acme.leftovers())
    if left and not module.check_mode:
        acme.leave()
    return {"changed": left, "actions": ["disable", "remove"] if left else []}


def have(module: AnsibleModule, acme: Acme) -> dict[str, Any]:
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


if __name__ == "__main__":
    main()
