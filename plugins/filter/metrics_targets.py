# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of a site as Prometheus asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.links import bracketed


def metrics_targets(tiers: Mapping[str, Iterable[Mapping[str, Any]]], port: int | str) -> list[dict[str, Any]]:
    """Return each host of the topology once, with the address of its exporter and its tiers.

    :param tiers: as the filter ``topology`` returns them.
    :param port: the TCP port of the exporters.
    """
    found: dict[str, dict[str, Any]] = {}
    for tier, peers in tiers.items():
        for peer in peers:
            host = found.setdefault(
                peer["name"], {"name": peer["name"], "address": f"{bracketed(peer['address'])}:{port}", "tiers": []}
            )
            host["tiers"].append(tier)
    if len(found) == 1:
        # A host that watches itself alone is asked without a network.
        return [{**host, "address": f"127.0.0.1:{port}"} for host in found.values()]
    return list(found.values())


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"metrics_targets": metrics_targets}
