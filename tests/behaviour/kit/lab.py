"""The hosts under test, as the scenario's inventories describe them."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import testinfra
from testinfra.host import Host

from lab import hosts

ROOT = Path(__file__).resolve().parents[3]
TOOLS = Path(sys.executable).parent
TIERS = ("lb", "app", "db")


@dataclasses.dataclass(frozen=True)
class Machine:
    """One host: how Ansible reaches it, and a shell on it."""

    name: str
    variables: Mapping[str, Any] = dataclasses.field(repr=False)

    @property
    def address(self) -> str:
        return str(self.variables.get("ansible_host", self.name))

    @cached_property
    def shell(self) -> Host:
        return testinfra.get_host(
            f"ssh://{self.variables.get('ansible_user', 'root')}@{self.address}:{self.variables.get('ansible_port', 22)}",
            ssh_identity_file=self.variables["ansible_ssh_private_key_file"],
            ssh_extra_args=self.variables.get("ansible_ssh_common_args", ""),
            controlpath=str(self._control_path),
            timeout=20,
        )

    @property
    def _control_path(self) -> Path:
        # Where Ansible has its own: short enough for a socket's name wherever the checkout is.
        folder = Path.home() / ".ansible" / "cp"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"behaviour-{self.address}"

    def run(self, script: str) -> str:
        """Run a shell script as root and return what it prints; a script that fails fails the test."""
        return str(self.shell.check_output(script)).strip()

    def succeeds(self, script: str) -> bool:
        return int(self.shell.run(script).rc) == 0

    @cached_property
    def codename(self) -> str:
        return self.run(". /etc/os-release; echo $VERSION_CODENAME")

    def restart(self) -> None:
        """Restart the whole host, as a power cycle would, and wait until it has started."""
        self.hang_up()
        hosts.restart(self.lab_host)

    def hang_up(self) -> None:
        """End the connection that is kept open: to a host that went away it would hang."""
        close = ["ssh", "-O", "exit", "-o", f"ControlPath={self._control_path}", self.address]
        subprocess.run(close, capture_output=True, check=False)

    @cached_property
    def sees_controller_at(self) -> str:
        """This machine's address, as the host has it."""
        with socket.create_connection((self.address, int(self.variables.get("ansible_port", 22))), 5) as connection:
            return str(connection.getsockname()[0])

    @property
    def lab_host(self) -> hosts.LabHost:
        """The host as the lab's engine has it."""
        return next(host for host in hosts.hosts() if host.address == self.address)


class Lab:
    """All hosts of the inventories that the scenario was converged with."""

    def __init__(self, inventories: list[str]) -> None:
        self.inventories = inventories
        listing = subprocess.run(
            [TOOLS / "ansible-inventory", *(f"--inventory={path}" for path in inventories), "--list"],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
            capture_output=True,
            text=True,
            check=True,
        )
        described = json.loads(listing.stdout)
        self._groups = {tier: described.get(tier, {}).get("hosts", []) for tier in TIERS}
        self.machines = {name: Machine(name, variables) for name, variables in described["_meta"]["hostvars"].items()}

    @classmethod
    def from_environment(cls) -> Lab:
        named = os.environ.get("HOTCLUB_INVENTORIES", "")
        if not named:
            raise RuntimeError(
                "HOTCLUB_INVENTORIES names no inventory: set it to what ansible-playbook gets with -i, "
                f"several of them joined by {os.pathsep!r}. Molecule's verify step does."
            )
        return cls(named.split(os.pathsep))

    def tier(self, tier: str) -> list[Machine]:
        return [self.machines[name] for name in self._groups[tier]]

    @property
    def lb(self) -> Machine:
        return self.tier("lb")[0]

    @property
    def app(self) -> Machine:
        return self.tier("app")[0]

    @property
    def db(self) -> Machine:
        return self.tier("db")[0]

    @property
    def codename(self) -> str:
        return self.app.codename
