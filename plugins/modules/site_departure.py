#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop a site on this host for good, and remove its releases and secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_departure
version_added: 0.1.0
short_description: Stop a site on this host for good
description:
  - Closes the site's sockets, lets its instances finish what they have accepted, and leaves nothing that would wake them or start
    them at boot.
  - Removes everything from the site's folder, its environment with the secrets among it, but not C(shared) with uploaded files.
  - Other sites of the host are left alone.
extends_documentation_fragment: [hotclub.django.site]
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Stop the site here for good
  hotclub.django.site_departure:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
stopped:
  description: The units that were, or in check mode would be, stopped.
  type: list
  elements: str
  returned: always
removed:
  description: The paths that were, or in check mode would be, removed.
  type: list
  elements: str
  returned: always
uploads:
  description: The folder in which uploaded files are still; empty when there are none.
  type: str
  returned: always
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.departure import Departure


def main() -> None:
    """Run the module."""
    carry_out(AnsibleModule(argument_spec=SITE, supports_check_mode=True), leave)


def leave(module: AnsibleModule) -> dict[str, Any]:
    """Stop what runs, then remove what it ran from."""
    departure = Departure(site_of(module))
    running = departure.running()
    paths = [*departure.leftovers(), *departure.contents()]
    if not module.check_mode:
        departure.stop(running)
        departure.remove(paths)
    return {
        "changed": bool(running or paths),
        "stopped": running,
        "removed": [str(path) for path in paths],
        "uploads": departure.uploads(),
    }


if __name__ == "__main__":
    main()
