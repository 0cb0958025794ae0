# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Application hosts as a balancer takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.links import bracketed


def app_servers(peers: Iterable[Mapping[str, Any]], port: int | str, method: str) -> list[dict[str, Any]]:
    """Return the application hosts of the topology as the balancer takes them.

    :param port: the TCP port on which each of them serves the site.
    :param method: with round_robin all get the same share; every other method minds the weights.
    """
    return [
        {
            "name": peer["name"],
            "address": f"{bracketed(peer['address'])}:{port}",
            "weight": 1 if method == "round_robin" else peer.get("weight", 1),
            "backup": peer.get("backup", False),
            "drained": peer.get("drained", False),
        }
        for peer in peers
    ]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"app_servers": app_servers}
