# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of every tier, from the inventory alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

TIERS = ("lb", "app", "db")

# Where peers reach a host: the first of these that its inventory variables set, else its name.
ADDRESS_VARIABLES = ("private_address", "ansible_host")


def topology(groups: Mapping[str, list[str]], hostvars: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return, for each tier, its hosts in inventory order with the address that peers use."""
    if not isinstance(groups, Mapping) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("topology is used as: groups | hotclub.django.topology(hostvars)")
    return {tier: [_peer(host, hostvars[host]) for host in groups.get(tier, [])] for tier in TIERS}


def _peer(host: str, variables: Mapping[str, Any]) -> dict[str, str]:
    given = (variables.get(name) for name in ADDRESS_VARIABLES)
    return {"name": str(host), "address": str(next((address for address in given if address), host))}


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"topology": topology}
