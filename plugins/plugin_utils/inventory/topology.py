# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts as their peers reach them, tier by tier, from the inventory alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import HostVars
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, hosts_by_tier

# Where peers reach a host: the first of these that its inventory variables set, else its name.
ADDRESS_VARIABLES = ("private_address", "ansible_host")
# A dynamic inventory takes names and addresses from elsewhere, and configuration files hold them.
PEER = re.compile(r"[A-Za-z0-9._:%-]+")

Tiers = dict[str, list[dict[str, Any]]]


class Known:
    """The tiers of the inventory of this process. Variables of many hosts are dear, and one task asks for them many times."""

    def __init__(self) -> None:
        self._hostvars: Any = None
        self._tiers: dict[str, Tiers] = {}

    def tiers_of(self, groups: Mapping[str, list[str]], hostvars: HostVars, without: Collection[str]) -> Tiers:
        """Return the tiers, worked out once for the same hosts of the same inventory."""
        if self._hostvars is not hostvars:
            self._hostvars, self._tiers = hostvars, {}
        names = hosts_by_tier(groups, without)
        key = repr(names)
        if key not in self._tiers:
            self._tiers[key] = look_at(names, hostvars)
        return self._tiers[key]


KNOWN = Known()


def tiers_of(groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], without: Collection[str] = ()) -> Tiers:
    """Return, for each tier, its hosts in inventory order with the address that peers use.

    :param without: hosts that are about to leave, as if the inventory no longer had them.
    """
    if isinstance(hostvars, HostVars):
        return KNOWN.tiers_of(groups, hostvars, without)
    return look_at(hosts_by_tier(groups, without), hostvars)


def look_at(names: Mapping[str, list[str]], hostvars: Mapping[str, Any]) -> Tiers:
    """Return the hosts of each tier, each looked at once."""
    everyone = {host: hostvars[host] for hosts in names.values() for host in hosts}
    return {tier: [member(tier, host, everyone[host]) for host in hosts] for tier, hosts in names.items()}


def member(tier: str, host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host of a tier, with how it shares the requests if it takes any."""
    found = peer(host, variables)
    if TIERS[tier].takes_requests:
        found |= {
            "weight": int(variables.get("site_app_weight", 1)),
            "backup": boolean(variables.get("site_app_backup", False)),
            "drained": boolean(variables.get("site_app_drained", False)),
        }
    return found


def peer(host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return a host by its name and the address that peers use."""
    given = (variables.get(name) for name in ADDRESS_VARIABLES)
    found: dict[str, Any] = {"name": str(host), "address": str(next((address for address in given if address), host))}
    if wrong := next((text for text in found.values() if not PEER.fullmatch(text)), None):
        raise Trouble(
            f"{wrong!r}, the name or the address of host {host!r}, is neither a host's name nor an address.",
            remedy="Correct it in the inventory, or set private_address.",
        )
    return found
