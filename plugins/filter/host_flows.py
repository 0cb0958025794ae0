# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host has to let in, from the flows as it sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.links import ALL, Peer, Tiers, members, others


def host_flows(flows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what others send to a host: ports, each with the addresses that may use it.

    Left out is what the controller sends, for where operators come from is not in the topology; and what a host sends to itself.
    """
    return [
        {"port": str(flow["port"]), "protocol": flow["protocol"], "sources": flow["sources"], "why": flow["why"]}
        for flow in flows
        if flow["sources"]
    ]


def host_peers(tiers: Tiers, here: Peer) -> list[str]:
    """Return the addresses of all other hosts."""
    return others(members(ALL, tiers), here)


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"host_flows": host_flows, "host_peers": host_peers}
