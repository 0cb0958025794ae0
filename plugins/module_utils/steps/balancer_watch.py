# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch what visitors get from application hosts that have just switched."""

from __future__ import annotations

import os
import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import (
    answered_since,
    ask,
    servers,
    serves_here,
)

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "str", "required": True},
    "seconds": {"type": "float", "default": 3},
    "error_percent": {"type": "int", "default": 5},
    "minimum": {"type": "int", "default": 10},
}


def take(module: Call) -> None:
    """Run the module."""
    if not serves_here():
        # A balancer that isn't there yet sends no visitors.
        module.exit_json(changed=False, answers=0, errors=0)
    site, names = module.params["site"], module.params["servers"]
    before = servers(ask("show stat"), site)
    time.sleep(module.params["seconds"])
    answers, errors = answered_since(before, servers(ask("show stat"), site), names)
    if answers >= module.params["minimum"] and errors * 100 > answers * module.params["error_percent"]:
        module.fail_json(
            msg=f"{errors} of {answers} answers that visitors got from {', '.join(names)} through {os.uname().nodename} "
            f"within {module.params['seconds']:.0f} s are server errors, and site_deploy_error_percent allows "
            f"{module.params['error_percent']} %. See the site's own log on these hosts: journalctl -u '{site}@*'",
            answers=answers,
            errors=errors,
        )
    module.exit_json(changed=False, answers=answers, errors=errors)
