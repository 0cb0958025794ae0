# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the tiers of an inventory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import (
    Complaint,
    nearest,
)

TIERS = {
    "lb": "receives the visitors",
    "app": "runs the project",
    "db": "keeps the database",
}
# What people call these tiers elsewhere.
TIER_SYNONYMS = {
    "lb": (
        "balancer",
        "balancers",
        "loadbalancer",
        "loadbalancers",
        "load_balancer",
        "load_balancers",
        "proxy",
        "nginx",
        "frontend",
        "web",
    ),
    "app": (
        "application",
        "applications",
        "appserver",
        "appservers",
        "app_servers",
        "django",
        "backend",
        "web",
        "webservers",
        "webserver",
    ),
    "db": ("database", "databases", "dbserver", "dbservers", "db_servers", "postgres", "postgresql", "sql"),
}


def check_tiers(groups: Mapping[str, list[str]]) -> Iterator[Complaint]:
    """Yield what is wrong with the tiers: empty ones, misspelt ones, hosts in none."""
    placed = {host for tier in TIERS for host in groups.get(tier, [])}
    for tier, purpose in TIERS.items():
        if not groups.get(tier):
            yield Complaint(f"group {tier}", f"has no host, so nothing {purpose}", _tier_remedy(tier, groups))
    if len(groups.get("db", [])) > 1:
        yield Complaint("group db", f"has {len(groups['db'])} hosts, but the site has one database", "Leave one host in it.")
    stray = [host for host in groups.get("all", []) if host not in placed]
    for host in stray:
        own = [group for group in groups if group not in ("all", "ungrouped") and host in groups[group]]
        meant = next((tier for tier in TIERS for group in own if _means(group, tier)), None)
        if own:
            remedy = f"Did you mean the group {meant}?" if meant else f"Put it into {_tiers()}, or take it out of this inventory."
            yield Complaint(f"host {host}", f"is in no tier, only in {', '.join(own)}", remedy)
        else:
            yield Complaint(f"host {host}", "is in no group", f"Put it into {_tiers()}, or take it out of this inventory.")


def _tier_remedy(tier: str, groups: Mapping[str, list[str]]) -> str:
    alike = next((group for group in groups if group not in TIERS and _means(group, tier)), None)
    if alike:
        return f"Did you mean {tier} where the inventory says {alike}?"
    return f"Put a host into the group {tier}; a single server is in {', '.join(TIERS)} alike."


def _means(group: str, tier: str) -> bool:
    """Tell whether somebody who wrote this group probably meant that tier."""
    return group in TIER_SYNONYMS[tier] or nearest(group.lower().rstrip("s"), [tier], 0.6) is not None


def _tiers() -> str:
    *first, last = TIERS
    return f"{', '.join(first)} or {last}"
