# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of every tier, from the inventory alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

TIERS = ("lb", "app", "db")

# Where peers reach a host: the first of these that its inventory variables set, else its name.
ADDRESS_VARIABLES = ("private_address", "ansible_host")
# A dynamic inventory takes names and addresses from elsewhere, and configuration files hold them.
PEER = re.compile(r"[A-Za-z0-9._:%-]+")


def topology(
    groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], without: Collection[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Return, for each tier, its hosts in inventory order with the address that peers use.

    :param without: hosts that are about to leave, as if the inventory no longer had them.
    :returns: of an application host also how it shares the requests: ``weight``, ``backup`` and ``drained``.
    """
    if not isinstance(groups, Mapping) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("topology is used as: groups | hotclub.django.topology(hostvars)")
    return {tier: [_peer(host, hostvars[host], tier) for host in groups.get(tier, []) if host not in without] for tier in TIERS}


def _peer(host: str, variables: Mapping[str, Any], tier: str) -> dict[str, Any]:
    given = (variables.get(name) for name in ADDRESS_VARIABLES)
    peer: dict[str, Any] = {"name": str(host), "address": str(next((address for address in given if address), host))}
    if wrong := next((text for text in peer.values() if not PEER.fullmatch(text)), None):
        raise AnsibleFilterError(
            f"{wrong!r}, the name or the address of host {host!r}, is neither a host's name nor an address. "
            "Correct it in the inventory, or set private_address."
        )
    if tier == "app":
        peer |= {
            "weight": int(variables.get("site_app_weight", 1)),
            "backup": boolean(variables.get("site_app_backup", False)),
            "drained": boolean(variables.get("site_app_drained", False)),
        }
    return peer


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"topology": topology}
