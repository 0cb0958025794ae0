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


def check_tiers(groups: Mapping[str, list[str]], is_managed: bool = False) -> Iterator[Complaint]:
    """Yield what is wrong with the tiers: empty ones, misspelt ones, too many hosts in one.

    :param is_managed: whether somebody else runs the database.
    """
    for tier in TIERS.values():
        if not groups.get(tier.name) and not tier.may_be_empty and not (tier.replaced_by and is_managed):
            yield Complaint(f"group {tier.name}", f"has no host, so nothing {tier.purpose}", _tier_remedy(tier, groups))
    yield from _check_workers(groups)
    if len(caches := groups.get("cache", [])) > 1:
        wrong = f"has {_hosts(len(caches))}, and there can't be several yet that take over from one another"
        yield Complaint("group cache", wrong, "Leave one host in it.")
    yield from _check_votes(len(groups.get("db", [])), len(groups.get("dcs", [])))
    for host in _strays(groups):
        own = [group for group in groups if group not in ("all", "ungrouped") and host in groups[group]]
        meant = next((tier.name for tier in TIERS.values() for group in own if _means(group, tier)), None)
        if meant and not groups.get(meant):
            yield Complaint(f"host {host}", f"is in no tier, only in {', '.join(own)}", f"Did you mean the group {meant}?")


def _check_workers(groups: Mapping[str, list[str]]) -> Iterator[Complaint]:
    """Yield the hosts for background work that have no releases: application hosts alone do."""
    for host in groups.get("worker", []):
        if host not in groups.get("app", []):
            yield Complaint(
                f"host {host}",
                "is in the group worker and not in the group app, whose hosts have the releases",
                "Put it into app as well. With site_app_drained: true there, it takes no requests.",
            )


def _check_votes(databases: int, deciders: int) -> Iterator[Complaint]:
    """Yield what is wrong with the hosts that decide which database host is the primary: a majority of them must be able to."""
    if databases < 2:
        if deciders:
            wrong = f"has {_hosts(deciders)}, and the group db has {databases}, so there is nothing to decide"
            yield Complaint("group dcs", wrong, "Take them out, or put three hosts into db.")
    elif deciders:
        if deciders < 3 or deciders % 2 == 0:
            yield Complaint("group dcs", f"has {_hosts(deciders)}, {_why(deciders)}", "Put three hosts into it, or five.")
    elif databases == 2:
        wrong = "has 2 hosts, and when one of them is gone, the other can't know whether it is cut off itself"
        remedy = "Put three hosts into it, or three small ones into the group dcs; or leave one host in it."
        yield Complaint("group db", wrong, remedy)
    elif databases % 2 == 0:
        remedy = (
            "Put one host more or less into it; or put three of them, or others, into the group dcs, which decide alone then."
        )
        yield Complaint("group db", f"has {databases} hosts, {_why(databases)}", remedy)


def _why(members: int) -> str:
    """Return why this many can't decide: no more of them may fail than of one less, and each is one more that can."""
    if members < 3:
        return "which can decide nothing once one of them is gone"
    return f"of which no more may fail than of {members - 1}, while either half, cut off from the other, is no majority"


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"


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
    otherwise = f" Where somebody else runs it: {tier.replaced_by}." if tier.replaced_by else ""
    return f"Put a host into the group {tier.name}; a single server is in {', '.join(_needed())} alike.{otherwise}"


def _means(group: str, tier: Tier) -> bool:
    """Tell whether somebody who wrote this group probably meant that tier; a site may well do without an optional one."""
    return group in tier.synonyms or (not tier.may_be_empty and nearest(group.lower().rstrip("s"), [tier.name], 0.6) is not None)


def _needed() -> list[str]:
    return [tier.name for tier in TIERS.values() if not tier.may_be_empty]


def _tiers() -> str:
    *first, last = TIERS
    return f"{', '.join(first)} or {last}"
