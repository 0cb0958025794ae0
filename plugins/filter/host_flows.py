# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host has to let in, from the table of who talks to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

EVERYBODY = ["0.0.0.0/0", "::/0"]
WORLD, CONTROLLER, ALL = "world", "controller", "all"

Tiers = Mapping[str, list[Mapping[str, Any]]]


def host_flows(flows: Iterable[Mapping[str, Any]], tiers: Tiers, host: str) -> list[dict[str, Any]]:
    """Return what others send to a host: ports, each with the addresses that may use it.

    Left out is what the controller sends, for where operators come from is not in the topology; and what a host sends to itself.
    """
    found = [
        {
            "port": str(flow["port"]),
            "protocol": str(flow["protocol"]),
            "sources": sources_of(str(flow["from"]), tiers, host),
            "why": str(flow["why"]),
        }
        for flow in flows
        if flow["from"] != CONTROLLER and host in names_of(str(flow["to"]), tiers)
    ]
    return [flow for flow in found if flow["sources"]]


def host_peers(tiers: Tiers, host: str) -> list[str]:
    """Return the addresses of all other hosts."""
    return sources_of(ALL, tiers, host)


def sources_of(end: str, tiers: Tiers, host: str) -> list[str]:
    """Return the addresses of the hosts at one end of a flow, without those of the host itself."""
    if end == WORLD:
        return EVERYBODY
    addresses = [str(peer["address"]) for peer in members(end, tiers) if peer["name"] != host]
    return sorted(set(addresses), key=addresses.index)


def names_of(end: str, tiers: Tiers) -> set[str]:
    """Return the names of the hosts at one end of a flow: a tier, all of them, or the name of one host."""
    return {str(peer["name"]) for peer in members(end, tiers)} or {end}


def members(end: str, tiers: Tiers) -> list[Mapping[str, Any]]:
    """Return the hosts at one end of a flow."""
    everyone = [peer for peers in tiers.values() for peer in peers]
    if end == ALL:
        return everyone
    return tiers[end] if end in tiers else [peer for peer in everyone if peer["name"] == end]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"host_flows": host_flows, "host_peers": host_peers}
