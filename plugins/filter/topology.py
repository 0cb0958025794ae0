# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts of every tier, and one host among them, from the inventory alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import spare_collections
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory import topology as hosts
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, hosts_by_tier

# Of all plugins of the collection, this one is read first: each play takes its hosts by it.
spare_collections()


def topology(
    groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], without: Collection[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Return, for each tier, its hosts in inventory order with the address that peers use.

    :param without: hosts that are about to leave, as if the inventory no longer had them.
    :returns: of an application host also how it shares the requests: ``weight``, ``backup`` and ``drained``.
    """
    if not isinstance(groups, Mapping) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("topology is used as: groups | hotclub.django.topology(hostvars)")
    try:
        return hosts.tiers_of(groups, hostvars, without)
    except Trouble as trouble:
        raise AnsibleFilterError(str(trouble)) from trouble


def place(
    host: str, groups: Mapping[str, list[str]], hostvars: Mapping[str, Any], without: Collection[str] = ()
) -> dict[str, Any]:
    """Return a host, of whatever tier or none, and the tiers around it: all that its links are worked out from."""
    try:
        tiers = hosts.tiers_of(groups, hostvars, without)
        here = next((peer for peers in tiers.values() for peer in peers if peer["name"] == host), None)
        return {"here": here or hosts.peer(host, hostvars[host]), "tiers": tiers}
    except Trouble as trouble:
        raise AnsibleFilterError(str(trouble)) from trouble


def all_tiers(groups: Mapping[str, list[str]]) -> str:
    """Return the pattern of all hosts of the site, for `hosts` of a play: the tiers that the inventory has."""
    return ":".join([tier for tier in TIERS if tier in groups] or TIERS)


def drains(tiers: Collection[str]) -> list[str]:
    """Return how a host of these tiers is relieved of visitors before it is worked on."""
    return [TIERS[tier].drained_by for tier in tiers if TIERS[tier].drained_by]


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"topology": topology, "place": place, "hosts_by_tier": hosts_by_tier, "all_tiers": all_tiers, "drains": drains}
