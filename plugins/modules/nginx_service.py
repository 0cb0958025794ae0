#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run nginx with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

DOCUMENTATION = """
module: nginx_service
short_description: Run nginx with the configuration that is on disk
version_added: 0.1.0
author: The hotclub.django authors
description:
  - Starts nginx at boot and now. A running nginx whose workers are older than the newest file of its configuration is reloaded.
  - Asks nginx itself, so that a run that broke after a file was written is made good by the next one.
  - A reload counts only when workers with the new configuration have started. Until then, and when it is refused,
    nginx serves with the old one.
options:
  configuration_path:
    description: The folder of the configuration.
    type: path
    default: /etc/nginx
  certificate_paths:
    description: Folders of certificates, which nginx reads as it does its configuration.
    type: list
    elements: path
    default: []
  timeout_seconds:
    description: How long to wait for the workers of a new configuration.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Run nginx with the configuration on disk
  hotclub.django.nginx_service:
"""

RETURN = """
actions:
  description: What was done, among C(daemon-reload), C(enable), C(start), C(restart) and C(reload).
  returned: always
  type: list
  elements: str
"""

import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, bring_up, runner

WORKER = re.compile(r"^nginx: worker process\s*$")
NAME_TAKEN = re.compile(r'conflicting server name "([^"]*)"')
LOG = Path("/var/log/nginx/error.log")


class Nginx(Service):
    """Nginx, which can be asked before, and says in a log of its own what it was that troubled it."""

    def check(self) -> None:
        """Refuse what nginx would refuse, and names of sites that it would silently ignore."""
        code, output = self.run(["nginx", "-t"])
        if code != 0:
            raise Trouble(f"Nginx refuses its configuration and serves with the old one.\n{output}")
        if taken := sorted(set(NAME_TAKEN.findall(output))):
            raise Trouble(
                f"Two sites of this host want to serve {', '.join(taken)}, and nginx would ignore one of them. "
                "Give each site a site_domain and site_aliases of its own. Nginx serves with the old configuration."
            )

    def is_outdated(self) -> bool:
        """Say no: a reload keeps the program that runs. An upgrade of the package replaces it by itself."""
        return False

    def complaints(self) -> str:
        """Return what nginx said last about its troubles, else what systemd did."""
        lines = LOG.read_text(errors="replace").splitlines()[-10:] if LOG.is_file() else []
        told = (line.partition("[emerg] ")[2].partition(": ")[2] for line in lines if "[emerg] " in line)
        return "\n".join(dict.fromkeys(told)) or super().complaints()


def main() -> None:
    """Bring nginx to where it should be."""
    module = AnsibleModule(
        {
            "configuration_path": {"type": "path", "default": "/etc/nginx"},
            "certificate_paths": {"type": "list", "elements": "path", "default": []},
            "timeout_seconds": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    certificates = tuple(Path(folder) for folder in module.params["certificate_paths"])
    bring_up(module, Nginx("nginx.service", runner(module), WORKER, also_read=certificates))


if __name__ == "__main__":
    main()
