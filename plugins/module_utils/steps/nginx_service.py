# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run nginx with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, bring_up
from ansible_collections.hotclub.django.plugins.module_utils.front.other_sites import findings
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding, told
from ansible_collections.hotclub.django.plugins.module_utils.machine.listeners import holders, listeners

WORKER = re.compile(r"^nginx: worker process\s*$")
NAME_TAKEN = re.compile(r'conflicting server name "([^"]*)"')
PID = Path("/run/nginx.pid")
LOG = Path("/var/log/nginx/error.log")


class Nginx(Service):
    """Nginx, which can be asked before, and says in a log of its own what it was that troubled it."""

    def check(self) -> None:
        """Refuse what nginx would refuse, and names of sites that it would silently ignore."""
        tested = self.run(["nginx", "-t"])
        if tested.code:
            raise Trouble(f"Nginx refuses its configuration and serves with the old one.\n{tested.output}")
        if taken := sorted(set(NAME_TAKEN.findall(tested.output))):
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


SPEC: dict[str, Any] = {
    "configuration_path": {"type": "path", "default": "/etc/nginx"},
    "certificate_paths": {"type": "list", "elements": "path", "default": []},
    "ports": {"type": "list", "elements": "int", "default": []},
    "writable_paths": {"type": "list", "elements": "str", "default": []},
    "timeout_seconds": {"type": "int", "default": 15},
}


def take(module: Call) -> None:
    """Bring nginx to where it should be."""
    if module.comparing and (found := list(of_others(module.params))):
        module.exit_json(changed=True, actions=["start"], **told(found))
    certificates = tuple(Path(folder) for folder in module.params["certificate_paths"])
    bring_up(module, Nginx("nginx.service", run, WORKER, also_read=certificates))


def of_others(arguments: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is in the way of a first start, and what becomes of other sites."""
    # Who runs holds its ports, and a look at them would cost time in each run.
    if not PID.exists():
        yield from holders(listeners(run), arguments["ports"], "nginx")
    yield from findings(Path(arguments["configuration_path"]), arguments["ports"], arguments["writable_paths"])
