# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let this balancer not ask a site's servers how they are for some seconds."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import ADMIN_SOCKET, ask, order, servers, serves_here

AGAIN = (
    "import socket, sys\n"
    "for command in sys.argv[2:]:\n"
    "    with socket.socket(socket.AF_UNIX) as connection:\n"
    "        connection.connect(sys.argv[1]); connection.sendall(command.encode() + b'\\n'); connection.recv(4096)\n"
)

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["paused", "resumed"], "required": True},
    "seconds": {"type": "int", "default": 60},
}


def take(module: Call) -> None:
    """Run the module."""
    if not serves_here():
        module.exit_json(changed=False)
    site, paused = module.params["name"], module.params["state"] == "paused"
    names = [server.name for server in servers(ask("show stat"), site)]
    if names and not module.check_mode:
        set_guard(module, site, names, paused)
        for name in names:
            order(f"{'disable' if paused else 'enable'} health {site}/{name}")
    module.exit_json(changed=bool(names))


def set_guard(module: Call, site: str, names: list[str], paused: bool) -> None:
    """Have the checks come back by themselves, even when the controller is gone; or no longer."""
    unit = f"{site}-checks-guard"
    run(["systemctl", "stop", f"{unit}.timer"])
    if paused:
        again = [f"enable health {site}/{name}" for name in names]
        started = run(
            ["systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--on-active={module.params['seconds']}",
             "/usr/bin/python3", "-c", AGAIN, ADMIN_SOCKET, *again],
        )  # fmt: skip
        if started.code:
            raise Trouble(f"Nothing would let the checks come back, so they go on: {started.output}")
