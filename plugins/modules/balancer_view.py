#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell how a balancer sees the application hosts of a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_view
short_description: Tell how a balancer sees the application hosts of a site
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Asks HAProxy on this host. Changes nothing.
options:
  site:
    description: Name of the site.
    type: str
    required: true
attributes:
  check_mode:
    description: It only reads.
    support: full
"""

EXAMPLES = r"""
- name: Look at the balancer
  hotclub.django.balancer_view:
    site: shop
"""

RETURN = r"""
servers:
  description: Name, status, weight, open sessions, answers, server errors, last check, and seconds since the last change of each.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.haproxy import HaproxyError, ask, servers


def main() -> None:
    """Run the module."""
    module = AnsibleModule({"site": {"type": "str", "required": True}}, supports_check_mode=True)
    try:
        found = servers(ask("show stat"), module.params["site"])
    except HaproxyError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, servers=[server.facts() for server in found])


if __name__ == "__main__":
    main()
