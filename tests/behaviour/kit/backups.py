"""What the program that makes backups says of a host."""

from __future__ import annotations

import json
from typing import Any

from tests.behaviour.kit.lab import Machine

LOOK = "cd /; runuser -u postgres -- python3 -I /usr/local/lib/hotclub/backups look"
STOP = "systemctl stop hotclub-backups.timer hotclub-backups.service"
TURN = "systemctl start hotclub-backups.service"


def look(machine: Machine) -> dict[str, Any]:
    return dict(json.loads(machine.run(LOOK).splitlines()[-1]))


def repository(machine: Machine) -> dict[str, Any]:
    """The only repository of a host that leads."""
    [found] = look(machine)["repositories"]
    return dict(found)


def archived(machine: Machine) -> str:
    """What lies in the repository's archive."""
    ask = "pgbackrest --stanza=main --repo=1 --log-level-console=off repo-ls --recurse archive/main"
    return machine.run(f"cd /; runuser -u postgres -- {ask}")
