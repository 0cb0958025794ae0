# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the tiers of an inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import (
    Complaint,
    nearest,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS, Tier


def check_tiers(groups: Mapping[str, list[str]]) -> Iterator[Complaint]:
    """Yield what is wrong with the tiers: empty ones, misspelt ones, hosts in none."""
    placed = {host for tier in TIERS for host in groups.get(tier, [])}
    for tier in TIERS.values():
        if not groups.get(tier.name) and not tier.may_be_empty:
            yield Complaint(f"group {tier.name}", f"has no host, so nothing {tier.purpose}", _tier_remedy(tier, groups))
    for tier in TIERS.values():
        if tier.only and len(groups.get(tier.name, [])) > 1:
            wrong = f"has {len(groups[tier.name])} hosts, but the site has {tier.only}"
            yield Complaint(f"group {tier.name}", wrong, "Leave one host in it.")
    stray = [host for host in groups.get("all", []) if host not in placed]
    for host in stray:
        own = [group for group in groups if group not in ("all", "ungrouped") and host in groups[group]]
        meant = next((tier.name for tier in TIERS.values() for group in own if _means(group, tier)), None)
        if own:
            remedy = f"Did you mean the group {meant}?" if meant else f"Put it into {_tiers()}, or take it out of this inventory."
            yield Complaint(f"host {host}", f"is in no tier, only in {', '.join(own)}", remedy)
        else:
            yield Complaint(f"host {host}", "is in no group", f"Put it into {_tiers()}, or take it out of this inventory.")


def _tier_remedy(tier: Tier, groups: Mapping[str, list[str]]) -> str:
    alike = next((group for group in groups if group not in TIERS and _means(group, tier)), None)
    if alike:
        return f"Did you mean {tier.name} where the inventory says {alike}?"
    return f"Put a host into the group {tier.name}; a single server is in {', '.join(TIERS)} alike."


def _means(group: str, tier: Tier) -> bool:
    """Tell whether somebody who wrote this group probably meant that tier."""
    return group in tier.synonyms or nearest(group.lower().rstrip("s"), [tier.name], 0.6) is not None


def _tiers() -> str:
    *first, last = TIERS
    return f"{', '.join(first)} or {last}"
