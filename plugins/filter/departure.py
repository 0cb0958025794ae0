# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What forbids a host to leave."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, placed


def departure(
    groups: Mapping[str, list[str]], host: str, staying: Mapping[str, Sequence[Mapping[str, Any]]], run: Collection[str]
) -> list[str]:
    """Return a sentence with a remedy for each reason why a host can't leave; an empty list when it can.

    :param host: the one that is to leave, as the operator named it.
    :param staying: the tiers of the topology without it.
    :param run: the hosts that this run may reach.
    """
    everyone = placed(groups)
    if not host:
        return [f"No host was named. Write -e decommission_host=<host>, one of {', '.join(everyone)}."]
    if host not in everyone:
        return [
            f"decommission_host is {host}, and the inventory has no such host in a tier. It has {', '.join(everyone)}. "
            "A host that was taken out of the inventory already is forgotten by playbooks/site.yml."
        ]
    return [*_reasons(groups, host, staying), *_left_out(everyone, run)]


def _reasons(groups: Mapping[str, list[str]], host: str, staying: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    here = [tier for tier in TIERS.values() if host in groups.get(tier.name, [])]
    members = [name for name in ("db", "dcs") if len(groups.get("db", [])) > 1 and host in groups.get(name, [])]
    if members:
        yield (
            f"{host} is in the group {' and '.join(members)}, and so a member of the database's cluster. Members come and go by "
            "the inventory and playbooks/site.yml: docs/database-cluster.md says how."
        )
    for tier in (tier for tier in here if tier.moved_by and not members):
        yield (
            f"{host} {tier.purpose}. Put another host into the group {tier.name} in its place and run "
            f"{tier.moved_by}{host}; then run this again."
        )
    for tier in (tier for tier in here if not tier.moved_by and not tier.may_be_empty and not staying[tier.name]):
        yield (
            f"{host} is the last host of the group {tier.name}, so nobody would {tier.work}. "
            f"Put another host into the group {tier.name} and run playbooks/site.yml; then run this again. "
            "To take the whole site out of all its hosts, run playbooks/decommission_site.yml."
        )
    for tier in (tier for tier in TIERS.values() if tier.takes_requests):
        if staying[tier.name] and all(peer.get("drained") for peer in staying[tier.name]):
            names = ", ".join(peer["name"] for peer in staying[tier.name])
            yield (
                f"site_app_drained is set for all that would stay ({names}). Take it from one of them and run playbooks/site.yml."
            )


def _left_out(everyone: Collection[str], run: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a run that leaves hosts out: these would go on to speak of the one that left."""
    if absent := [name for name in everyone if name not in run]:
        yield f"This run leaves out {', '.join(absent)}. Run it without --limit."


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters of this file by name."""
        return {"departure": departure}
