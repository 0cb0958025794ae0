# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the SSH server with the settings on disk, on trial until a new connection has got in with them."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine.ssh_server import UNIT, Server, view

SPEC: dict[str, Any] = {"proved": {"type": "bool", "default": False}, "seconds": {"type": "int", "default": 60}}


def take(module: Call) -> None:
    """Load what is new, or keep what is proved."""
    server, seconds = Server(UNIT, run), module.params["seconds"]
    if module.comparing:
        left = view(server)
        module.exit_json(changed=left["unproved"], unproved=False, seconds=seconds)
    if module.check_mode:
        # The files may be about to be written, and a connection proves nothing before they are.
        module.exit_json(changed=False, unproved=False, seconds=seconds)
    left = view(server)
    if module.params["proved"]:
        server.keep()
    elif left["unproved"]:
        server.try_out(seconds)
    module.exit_json(changed=left["unproved"], unproved=left["unproved"] and not module.params["proved"], seconds=seconds)
