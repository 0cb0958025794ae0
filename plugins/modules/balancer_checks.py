#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let this balancer not ask a site's servers how they are for some seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_checks
version_added: 0.1.0
short_description: Let this balancer not ask a site's servers how they are for some seconds
description:
  - While the requests of a site are held, its servers answer no check either. A balancer that took them out for it would end
    the requests that wait there.
  - Nothing happens on a host without HAProxy.
options:
  name:
    description: Name of the site.
    type: str
    required: true
  state:
    description: Whether the servers are asked.
    type: str
    choices: [paused, resumed]
    required: true
  seconds:
    description: After so long they are asked again, should the controller not come back.
    type: int
    default: 60
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Don't ask the servers for a while
  hotclub.django.balancer_checks:
    name: shop
    state: paused
"""

RETURN = r""""""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import ADMIN_SOCKET, ask, order, servers

AGAIN = (
    "import socket, sys\n"
    "for command in sys.argv[2:]:\n"
    "    with socket.socket(socket.AF_UNIX) as connection:\n"
    "        connection.connect(sys.argv[1]); connection.sendall(command.encode() + b'\\n'); connection.recv(4096)\n"
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["paused", "resumed"], "required": True},
            "seconds": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    if not os.path.exists(ADMIN_SOCKET):
        module.exit_json(changed=False)
    site, paused = module.params["name"], module.params["state"] == "paused"
    try:
        names = [server.name for server in servers(ask("show stat"), site)]
        if names and not module.check_mode:
            set_guard(module, site, names, paused)
            for name in names:
                order(f"{'disable' if paused else 'enable'} health {site}/{name}")
    except Trouble as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(names))


def set_guard(module: AnsibleModule, site: str, names: list[str], paused: bool) -> None:
    """Have the checks come back by themselves, even when the controller is gone; or no longer."""
    unit = f"{site}-checks-guard"
    module.run_command(["systemctl", "stop", f"{unit}.timer"])
    if paused:
        again = [f"enable health {site}/{name}" for name in names]
        module.run_command(
            ["systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--on-active={module.params['seconds']}",
             "/usr/bin/python3", "-c", AGAIN, ADMIN_SOCKET, *again],
            check_rc=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
