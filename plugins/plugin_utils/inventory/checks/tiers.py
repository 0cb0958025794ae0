# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the tiers of an inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import (
    Complaint,
    nearest,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, Tier, placed


def check_tiers(groups: Mapping[str, list[str]]) -> Iterator[Complaint]:
    """Yield what is wrong with the tiers: empty ones, misspelt ones, too many hosts in one."""
    for tier in TIERS.values():
        if not groups.get(tier.name) and not tier.may_be_empty:
            yield Complaint(f"group {tier.name}", f"has no host, so nothing {tier.purpose}", _tier_remedy(tier, groups))
    for tier in TIERS.values():
        if tier.only and len(groups.get(tier.name, [])) > 1:
            wrong = f"has {len(groups[tier.name])} hosts, but the site has {tier.only}"
            yield Complaint(f"group {tier.name}", wrong, "Leave one host in it.")
    for host in _strays(groups):
        own = [group for group in groups if group not in ("all", "ungrouped") and host in groups[group]]
        meant = next((tier.name for tier in TIERS.values() for group in own if _means(group, tier)), None)
        if meant and not groups.get(meant):
            yield Complaint(f"host {host}", f"is in no tier, only in {', '.join(own)}", f"Did you mean the group {meant}?")


def remark_strays(groups: Mapping[str, list[str]]) -> Iterator[tuple[Complaint, list[str]]]:
    """Yield a remark for hosts of no tier: an inventory may hold more than one site."""
    if found := _strays(groups):
        yield Complaint("hosts of no tier", "are left alone", f"If one belongs to the site, put it into {_tiers()}."), found


def _strays(groups: Mapping[str, list[str]]) -> list[str]:
    ours = set(placed(groups))
    return [host for host in groups.get("all", []) if host not in ours]


def _tier_remedy(tier: Tier, groups: Mapping[str, list[str]]) -> str:
    alike = next((group for group in groups if group not in TIERS and _means(group, tier)), None)
    if alike:
        return f"Did you mean {tier.name} where the inventory says {alike}?"
    return f"Put a host into the group {tier.name}; a single server is in {', '.join(_needed())} alike."


def _means(group: str, tier: Tier) -> bool:
    """Tell whether somebody who wrote this group probably meant that tier; a site may well do without an optional one."""
    return group in tier.synonyms or (not tier.may_be_empty and nearest(group.lower().rstrip("s"), [tier.name], 0.6) is not None)


def _needed() -> list[str]:
    return [tier.name for tier in TIERS.values() if not tier.may_be_empty]


def _tiers() -> str:
    *first, last = TIERS
    return f"{', '.join(first)} or {last}"
