# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the table of who talks to whom means for one host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory import links


def link(row: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row of the table means for the roles of one host.

    :param place: the host and the tiers around it.
    """
    try:
        return links.Link(row, place["tiers"], place["here"]).for_roles()
    except Trouble as trouble:
        raise AnsibleFilterError(str(trouble)) from trouble


def flows(table: Mapping[str, Mapping[str, Any]], place: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what goes over the network, of all rows of the table, and what it asks of one host."""
    try:
        return links.flows(table, place["tiers"], place["here"])
    except Trouble as trouble:
        raise AnsibleFilterError(str(trouble)) from trouble


def endpoint(row: Mapping[str, Any], tiers: links.Tiers) -> str:
    """Return where any client of a link asks."""
    try:
        return links.Link(row, tiers, links.NOBODY).endpoint
    except Trouble as trouble:
        raise AnsibleFilterError(str(trouble)) from trouble


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"link": link, "flows": flows, "endpoint": endpoint}
