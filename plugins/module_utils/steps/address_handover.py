# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let the requests under way end before virtual addresses leave this host."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service
from ansible_collections.hotclub.django.plugins.module_utils.machine.addresses import Handover

# One that an earlier reload has told to end has long requests alone, such as web sockets.
WORKER = re.compile(r"^nginx: worker process\s*$")

SPEC: dict[str, Any] = {
    "addresses": {"type": "list", "elements": "str", "required": True},
    "seconds": {"type": "float", "default": 2},
}


def take(module: Call) -> None:
    """Hold off, wait, and report."""

    nginx = Service("nginx.service", run, WORKER)
    handover = Handover(tuple(module.params["addresses"]), run, lambda: set(nginx.workers()))
    try:
        held = sorted(handover.held())
        waited = handover.quiet(module.params["seconds"]) if held and not module.check_mode else 0.0
    except Trouble as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A program'}: {error.strerror}. Install nftables and iproute2.")
    module.exit_json(changed=bool(held), addresses=held, waited_seconds=round(waited, 3))
