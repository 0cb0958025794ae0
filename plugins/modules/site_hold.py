#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let all requests of a site wait on this host for some seconds, and go on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_hold
version_added: 0.1.0
short_description: Let all requests of a site wait on this host for some seconds, and go on
description:
  - While they are held, the site's sockets are open and nothing accepts what comes, so that visitors wait and none is refused.
    What had been accepted is finished first.
  - Once released, the current release runs again, with the settings that are on the disk then.
  - Nothing happens on a host on which the site does not run.
options:
  state:
    description: Whether requests wait.
    type: str
    choices: [held, released]
    required: true
  seconds:
    description: After so long they go on by themselves, should the controller not come back.
    type: int
    default: 30
extends_documentation_fragment: [hotclub.django.site]
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Hold the requests
  hotclub.django.site_hold:
    name: shop
    root: /srv/shop
    state: held
"""

RETURN = r"""
held:
  description: Whether requests wait now.
  type: bool
  returned: always
held_seconds:
  description: How long they waited.
  type: float
  returned: with state=released
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.holding import Hold


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SITE,
            "state": {"type": "str", "choices": ["held", "released"], "required": True},
            "seconds": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    carry_out(module, hold if module.params["state"] == "held" else release)


def hold(module: AnsibleModule) -> dict[str, Any]:
    """Let requests wait."""
    site = site_of(module)
    if not site.current():
        return {"changed": False, "held": False}
    held = Hold(site)
    if module.check_mode:
        return {"changed": not held.is_held(), "held": held.is_held()}
    with site.step(wait_seconds=30):
        changed = held.take(module.params["seconds"])
    return {"changed": changed, "held": held.is_held()}


def release(module: AnsibleModule) -> dict[str, Any]:
    """Let them go on."""
    site = site_of(module)
    held = Hold(site)
    if not site.current() or module.check_mode:
        return {"changed": held.is_held(), "held": False, "held_seconds": 0.0}
    with site.step(wait_seconds=30):
        was_held = held.is_held()
        seconds = held.release()
    return {"changed": was_held, "held": False, "held_seconds": round(seconds, 3)}


if __name__ == "__main__":
    main()
