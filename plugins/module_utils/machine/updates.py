# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host still has to take over: upgrades that wait, and services that run code which an upgrade has replaced."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import runs_replaced_code
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import properties_of

# Lists what waits and since when, and is part of the role os.
PROGRAM = "/usr/local/lib/hotclub/waiting_updates.py"
DAY_SECONDS = 24 * 3600
UNIT = re.compile(r"/([^/\n]+\.service)(?:/\S*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Waiting:
    """Upgrades that wait."""

    count: int
    security: tuple[str, ...]
    # Whole days since the first of them was offered, and the first for security.
    days: int
    security_days: int

    def facts(self) -> dict[str, Any]:
        """Return it as a status has it."""
        return {"count": self.count, "security": list(self.security), "days": self.days}


def waiting(run: Run, program: str = PROGRAM) -> Waiting | None:
    """Return what waits; None where the host does not tell."""
    if not Path(program).exists():
        return None
    done = run(["/usr/bin/python3", "-I", program])
    if done.code:
        return None
    return summed(json.loads(done.stdout), time.time())


def summed(updates: Mapping[str, Mapping[str, Any]], now: float) -> Waiting:
    """Return in short what a host has listed.

    :param updates: by package, with ``since`` in seconds and ``security``.
    """
    security = {name: update for name, update in updates.items() if update["security"]}
    return Waiting(len(updates), tuple(sorted(security)), _days(updates, now), _days(security, now))


def _days(updates: Mapping[str, Mapping[str, Any]], now: float) -> int:
    return int(max(0, now - min((update["since"] for update in updates.values()), default=now)) // DAY_SECONDS)


def services_with_replaced_code(processes: Path = Path("/proc")) -> list[str]:
    """Return the services of which a process runs code that an upgrade has replaced since."""
    found = set()
    for process in processes.glob("[0-9]*"):
        if runs_replaced_code(process) and (unit := _unit(process)):
            found.add(unit)
    return sorted(found)


def _unit(process: Path) -> str:
    """Return the service to which a process belongs."""
    try:
        told = UNIT.search((process / "cgroup").read_text(errors="replace"))
    except OSError:
        return ""
    return told[1] if told else ""


def interrupting(services: list[str], site: str) -> list[str]:
    """Return those of the services of which a restart would be noticed by visitors or by tasks, so that patch does it."""
    others = r"nginx|haproxy|keepalived|etcd|(?:postgresql|patroni)@.*"
    worker = rf"{re.escape(site)}-worker-.+@.*"
    own = rf"{re.escape(site)}(?:@.*|-tls|-database|-backup|-pool@.*)"
    ours = re.compile(rf"^(?:{others}|{own}|{worker})\.service$")
    found = [service for service in services if ours.match(service)]
    # Workers that finish their tasks end by themselves, and patch would come back for them until then.
    shown = properties_of([service for service in found if re.match(worker, service)], "ActiveState")
    return [service for service in found if shown.get(service, {}).get("ActiveState") != "deactivating"]
