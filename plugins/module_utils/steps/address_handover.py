# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let the requests under way end, and give virtual addresses to another host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, has_files
from ansible_collections.hotclub.django.plugins.module_utils.machine.addresses import Handover

# One that an earlier reload has told to end has long requests alone, such as web sockets.
WORKER = re.compile(r"^nginx: worker process\s*$")
KEEPALIVED_SITES = Path("/etc/keepalived/sites")

SPEC: dict[str, Any] = {
    "addresses": {"type": "list", "elements": "str", "required": True},
    "seconds": {"type": "float", "default": 2},
    "keepalived": {"type": "str", "choices": ["stopped", "reloaded"], "default": "stopped"},
}


def take(module: Call) -> None:
    """Hold off, wait, give away, and report."""
    nginx = Service("nginx.service", run, WORKER)
    handover = Handover(tuple(module.params["addresses"]), run, lambda: set(nginx.workers()))
    held = sorted(handover.held())
    waited = 0.0
    if held and not module.check_mode:
        waited = handover.quiet(module.params["seconds"])
        handover.leave("reload" if module.params["keepalived"] == "reloaded" and has_files(KEEPALIVED_SITES) else "stop")
    module.exit_json(changed=bool(held), addresses=held, waited_seconds=round(waited, 3))
