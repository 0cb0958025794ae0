# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let this balancer send application hosts no more requests for a while, and send them some again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import (
    Server,
    ask,
    drained_here,
    order,
    servers,
    serves_here,
    takes_over,
)

POLL_SECONDS = 0.2

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
    "seconds": {"type": "int", "default": 60},
}


def take(module: Call) -> None:
    """Run the module."""
    if not serves_here():
        module.exit_json(changed=False, servers=[], sessions=0)
    found = servers(ask("show stat"), module.params["site"])
    wanted = module.params["servers"]
    # What the inventory drains is in maintenance, as HAProxy calls it, and an order would end that.
    names = [s.name for s in found if (wanted is None or s.name in wanted) and not s.status.startswith("MAINT")]
    drained = drained_here(ask(f"show servers state {module.params['site']}")) if names else []
    changed = drain(module, found, names, drained) if module.params["state"] == "drained" else make_ready(module, names, drained)
    left = sum(server.sessions for server in look(module, names))
    module.exit_json(changed=changed, servers=names, sessions=left)


def drain(module: Call, found: Sequence[Server], names: list[str], drained: list[str]) -> bool:
    """Send them nothing new, and wait until they have nothing any more; say whether that is new."""
    if module.params["servers"] is not None and not takes_over(found, names):
        raise Trouble(
            f"{os.uname().nodename} sees no other application host of {module.params['site']} up, "
            f"so {', '.join(names)} must go on. "
            "See why with playbooks/status.yml, then run this again."
        )
    missing = [name for name in names if name not in drained]
    if not module.check_mode:
        for name in missing:
            order(f"set server {module.params['site']}/{name} state drain")
        wait(module, names, lambda server: server.sessions == 0)
    return bool(missing)


def make_ready(module: Call, names: list[str], drained: list[str]) -> bool:
    """Send them requests again, and wait until they are up; say whether that is new."""
    again = [name for name in names if name in drained]
    if module.check_mode:
        return bool(again)
    for name in again:
        order(f"set server {module.params['site']}/{name} state ready")
    late = wait(module, names, lambda server: server.is_up)
    if late and module.params["seconds"]:
        sick = "; ".join(f"{server.name} is {server.status} ({server.check})" for server in late)
        raise Trouble(
            f"{os.uname().nodename} still sends no requests after {module.params['seconds']} s: {sick}. "
            f"See the site's own log there: journalctl -u '{module.params['site']}@*'"
        )
    return bool(again)


def wait(module: Call, names: Sequence[str], good: Callable[[Server], bool]) -> list[Server]:
    """Wait until all of these servers are as wanted; return those that aren't when time is over."""
    deadline = time.monotonic() + module.params["seconds"]
    while late := [server for server in look(module, names) if not good(server)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_SECONDS)
    return late


def look(module: Call, names: Sequence[str]) -> list[Server]:
    """Return how these servers are now."""
    return [server for server in servers(ask("show stat"), module.params["site"]) if server.name in names]
