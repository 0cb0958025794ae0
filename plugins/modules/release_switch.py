#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a release serve on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_switch
short_description: Switch a site to a finished release without losing a request
description:
  - The release is proved on a socket that no visitor reaches, then started beside the one that serves, asked again,
    and only then is the other one stopped, after it has answered what it had accepted.
  - With O(state=settled) nothing is released. The site is made to run what C(current) says, with its present settings.
options:
  release:
    description:
      - Id of a finished release; needed unless O(state=settled).
      - V(previous) stands for the release that served before the current one.
    type: str
    default: ""
  state:
    description:
      - V(switched) lets the release serve, V(restored) the same as the way back of a failed deployment,
        V(proved) only sees whether it could, V(ready) starts what was proved so that it waits, with the project loaded,
        for the switch, V(settled) brings what runs in line with what is on the disk.
    type: str
    choices: [switched, restored, proved, ready, settled]
    default: switched
  action:
    description: What the history calls this.
    type: str
    default: deploy
  proved:
    description: Whether this release was proved on this host a moment ago, so that it isn't once more.
    type: bool
    default: false
  migrations_allowed:
    description: Whether a release may serve that doesn't know migrations which the database has.
    type: bool
    default: true
  by:
    description: Who asked. Set by the action plugin.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.health]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Let the release serve
  hotclub.django.release_switch:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
    health:
      host: shop.example.org
"""

RETURN = r"""
release:
  description: The release that serves now.
  type: str
  returned: always
previous:
  description: The release that served before; empty when there was none.
  type: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import HEALTH, SITE, carry_out, health_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, fleet_view
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter
from ansible_collections.hotclub.django.plugins.module_utils.release.static_files import publish


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SITE,
            **HEALTH,
            "release": {"type": "str", "default": ""},
            "state": {"type": "str", "choices": ["switched", "restored", "proved", "ready", "settled"], "default": "switched"},
            "action": {"type": "str", "default": "deploy"},
            "proved": {"type": "bool", "default": False},
            "migrations_allowed": {"type": "bool", "default": True},
            "by": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    carry_out(module, settle if module.params["state"] == "settled" else switch)


def settle(module: AnsibleModule) -> dict[str, Any]:
    """Run what is current, with its present settings."""
    site = site_of(module)
    current = site.current()
    instances = Instances(site, health_of(module))
    result: dict[str, Any] = {**fleet_view(site), "changed": False, "previous": current}
    if not current:
        return result
    if module.check_mode:
        result["changed"] = instances.running() != [instances.pointed()] or instances.stale(instances.pointed())
        return result
    with site.step(wait_seconds=300):
        result["changed"] = instances.settle()
        if instances.stale(instances.pointed()):
            instances.switch(current, "settings", module.params["by"])
            result["changed"] = True
    return result


def switch(module: AnsibleModule) -> dict[str, Any]:
    """Let a release serve, or return to it, or see whether it could, or make it ready to.

    :raises Trouble: there is no such release, or migrations stand in the way.
    """
    site = site_of(module)
    release, previous = module.params["release"], site.current()
    if release == "previous":
        release = site.previous()
        if not release:
            raise Trouble(
                f"This host has no release to return to from {previous or 'none'}.",
                f"It has: {', '.join(site.runnable()) or 'none'}. Name one with -e rollback_release=<release>, or deploy.",
            )
    preparing = {"proved": Instances.prove, "ready": Instances.ready}.get(module.params["state"])
    if module.check_mode:
        return {"changed": release != previous and not preparing, "release": release, "previous": previous}
    with site.step(wait_seconds=300):
        if release not in site.runnable():
            raise Trouble(f"This host has no release {release!r}.", f"It has: {', '.join(site.runnable()) or 'none'}.")
        if not module.params["migrations_allowed"]:
            refuse_newer_database(site, release)
        instances = Instances(site, health_of(module))
        if preparing:
            preparing(instances, release)
            return {"changed": False, "release": previous, "previous": previous}
        publish(site, release)
        if module.params["state"] == "restored":
            changed = instances.restore(release)
        else:
            instances.switch(release, module.params["action"], module.params["by"], module.params["proved"])
            changed = True
    return {"changed": changed, "release": release, "previous": previous}


def refuse_newer_database(site: Site, release: str) -> None:
    """Refuse a release whose code doesn't know migrations that the database has.

    :raises Trouble: names these migrations.
    """
    unknown = Interpreter(site, release).ask("migrations").get("unknown", [])
    if unknown:
        raise Trouble(
            f"The database has migrations that release {release} doesn't know: {', '.join(unknown)}. Nothing was changed.",
            "If the old code works with the newer tables (additive migrations), run this again with "
            "-e rollback_ignore_migrations=true. Otherwise reverse them first with the current code: "
            f"playbooks/manage.yml -e 'manage_command=\"migrate {unknown[0].split('.')[0]} <the migration before>\"'.",
        )


if __name__ == "__main__":
    main()
