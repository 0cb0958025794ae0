"""Reads which hosts an inventory names, and writes the overlay that points Ansible to their lab hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.commands import run
from lab.errors import LabError
from lab.paths import ROOT, STATE, tool

Variables = Mapping[str, object]


@dataclass(frozen=True)
class Member:
    """A host as the inventory names it, with the groups that it is in."""

    name: str
    groups: frozenset[str]


@dataclass(frozen=True)
class Lab:
    """The lab hosts of one inventory: a folder in .lab, and a prefix that keeps their names apart from others'."""

    inventory: Path
    prefix: str = ""

    @property
    def name(self) -> str:
        """Return the name under which the lab keeps this inventory's files."""
        return self.prefix + self.inventory.name

    @property
    def folder(self) -> Path:
        """Return where the lab keeps this inventory's files."""
        return STATE / self.name

    @property
    def overlay(self) -> Path:
        """Return the inventory to be given to Ansible after the real one."""
        return self.folder / "hosts.yml"

    @property
    def inventories(self) -> tuple[Path, ...]:
        """Return what Ansible is given: the inventory, and the overlay after it."""
        return (self.inventory, self.overlay)

    @property
    def secrets(self) -> Path:
        """Return where the site's generated secrets are."""
        return self.folder / "secrets"

    @property
    def authority(self) -> Path:
        """Return the certificate of the authority that has signed the site's, once there is one."""
        return self.secrets / "authority" / "authority.crt"

    @property
    def known_hosts(self) -> Path:
        """Return the file with the host keys of these lab hosts alone."""
        return self.folder / "known_hosts"

    def container(self, member: str) -> str:
        """Return the name of a host's container."""
        return f"hotclub-{self.prefix}{member}"


def open_lab(inventory: str, prefix: str) -> Lab:
    """Return the lab of an inventory folder; accept its path, or its name below inventories/."""
    for path in (Path(inventory), ROOT / "inventories" / inventory):
        if path.is_dir():
            return Lab(path.resolve(), prefix)
    raise LabError(f"There is no inventory folder {inventory}.")


def read_members(inventory: Path) -> list[Member]:
    """Return the hosts of an inventory, as Ansible itself reads it."""
    listing = run(
        [tool("ansible-inventory"), "--inventory", inventory, "--list"],
        environment={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"},
    )
    members = members_of(json.loads(listing.stdout))
    if not members:
        raise LabError(f"The inventory {inventory} names no host.")
    return members


def members_of(listing: Mapping[str, Any]) -> list[Member]:
    """Return the hosts in the output of `ansible-inventory --list`, with all groups that each is in."""
    children = {group: entry.get("children", []) for group, entry in listing.items() if group != "_meta"}
    direct = {group: entry.get("hosts", []) for group, entry in listing.items() if group != "_meta"}
    groups: dict[str, set[str]] = {}
    for group in direct:
        for host in _hosts_below(group, direct, children):
            groups.setdefault(host, set()).add(group)
    return [Member(name, frozenset(groups[name])) for name in groups]


def _hosts_below(group: str, direct: Mapping[str, list[str]], children: Mapping[str, list[str]]) -> list[str]:
    found = list(direct.get(group, []))
    for child in children.get(group, []):
        found += _hosts_below(child, direct, children)
    return found


def overlay_text(hosts: Mapping[str, Variables]) -> str:
    """Return an inventory that gives each host its variables.

    They stand at the hosts because there they win over the group_vars of the real inventory.
    """
    lines = ["# Written by the lab. Give it to Ansible after the inventory that it belongs to.", "all:", "  hosts:"]
    for host, variables in hosts.items():
        lines.append(f"    {host}:")
        # JSON is YAML, too.
        lines += [f"      {name}: {json.dumps(value)}" for name, value in variables.items()]
    return "\n".join(lines) + "\n"
