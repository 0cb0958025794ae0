#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch what visitors get from application hosts that have just switched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_watch
short_description: Fail when application hosts answer visitors with too many server errors
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Counts on a balancer what the hosts answer within a time. Changes nothing.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  servers:
    description: The application hosts to watch, by inventory name.
    type: list
    elements: str
    required: true
  seconds:
    description: How long to watch.
    type: float
    default: 3
  error_percent:
    description: The share of server errors that is too much.
    type: int
    default: 5
  minimum:
    description: With fewer answers than that, nothing is concluded.
    type: int
    default: 10
attributes:
  check_mode:
    description: It only reads.
    support: full
"""

EXAMPLES = r"""
- name: Watch what the balancer gets
  hotclub.django.balancer_watch:
    site: shop
    servers: [app1]
"""

RETURN = r"""
answers:
  description: How many answers were counted.
  type: int
  returned: success
errors:
  description: How many of them were server errors.
  type: int
  returned: success
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import (
    ADMIN_SOCKET,
    answered_since,
    ask,
    servers,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        {
            "site": {"type": "str", "required": True},
            "servers": {"type": "list", "elements": "str", "required": True},
            "seconds": {"type": "float", "default": 3},
            "error_percent": {"type": "int", "default": 5},
            "minimum": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    if not os.path.exists(ADMIN_SOCKET):
        # A balancer that isn't there yet sends no visitors.
        module.exit_json(changed=False, answers=0, errors=0)
    site, names = module.params["site"], module.params["servers"]
    try:
        before = servers(ask("show stat"), site)
        time.sleep(module.params["seconds"])
        answers, errors = answered_since(before, servers(ask("show stat"), site), names)
    except Trouble as error:
        module.fail_json(msg=str(error))
    if answers >= module.params["minimum"] and errors * 100 > answers * module.params["error_percent"]:
        module.fail_json(
            msg=f"{errors} of {answers} answers that visitors got from {', '.join(names)} through {os.uname().nodename} "
            f"within {module.params['seconds']:.0f} s are server errors, and site_deploy_error_percent allows "
            f"{module.params['error_percent']} %. See the site's own log on these hosts: journalctl -u '{site}@*'",
            answers=answers,
            errors=errors,
        )
    module.exit_json(changed=False, answers=answers, errors=errors)


if __name__ == "__main__":
    main()
