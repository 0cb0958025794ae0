# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a member does whose database is kept by several hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import Known, Patroni

MEBI = 1024 * 1024
LIST = "`patronictl -c /etc/patroni/*-main.yml list`"
LEADS, HAS_ALL, FOLLOWS = "leader", "has every commit", "follows"
# What a member says of a copy that is on its way or well; PostgreSQL 15 as Debian 12 has it says "running" of both.
WELL = ("running", "streaming")
# A segment of WAL has 16: what is farther behind doesn't keep up.
MOST_BEHIND_MB = 64.0


def look_at_members(status: dict[str, Any], run: processes.Run = processes.run, root: str = "/") -> None:
    """Say which part a host has in the cluster of its database; nothing where it runs alone.

    :param status: gets ``member``, with ``role``, ``state``, ``timeline`` and ``behind_mb``, and what is wrong.
    """
    for file in sorted(Path(root, "etc/patroni").glob("*-*.yml")):
        named = re.fullmatch(r"(\d+)-(\w+)", file.stem)
        if named:
            patroni = Patroni(Cluster(named[1], named[2], 5432, on_this_host, root), run)
            try:
                known = patroni.known()
            except PostgresqlError as error:
                status["problems"].append(f"nobody knows which member leads: {error}")
                return
            status["member"] = part_of(known, patroni.name)
            status["problems"] += problems_of(known, patroni.name)


def part_of(known: Known, name: str) -> dict[str, Any]:
    """Return what a member does."""
    said = (known.members or {}).get(name, {})
    return {
        "role": LEADS if name == known.leader else HAS_ALL if name in known.synchronous else FOLLOWS,
        "state": known.state_of(name) or "away",
        "timeline": said.get("timeline"),
        "behind_mb": _behind(known, said),
    }


def _behind(known: Known, said: Mapping[str, Any]) -> float:
    """Return how much a member still has to receive, in MiB, as of Patroni's latest look."""
    leads = (known.members or {}).get(known.leader, {})
    return round(max(0, int(leads.get("xlog_location") or 0) - int(said.get("xlog_location") or 0)) / MEBI, 1)


def problems_of(known: Known, name: str) -> list[str]:
    """Return what is wrong with a member, and for the one that leads with all of them together."""
    part, leads = part_of(known, name), part_of(known, known.leader)
    if not known.leader:
        return [f"no member of the database's cluster leads, so nothing can be written. See {LIST} and etcd on its hosts"]
    if name == known.leader:
        alone = len(known.members or {}) > 1 and (known.settings or {}).get("synchronous_mode") and not known.synchronous
        return [f"no other member has every commit, so none may take its place. See {LIST}"] if alone else []
    if part["state"] not in WELL:
        return [f"PostgreSQL doesn't follow {known.leader} ({part['state']}). See `journalctl -u 'patroni@*'`"]
    if part["timeline"] != leads["timeline"]:
        found = f"PostgreSQL is on timeline {part['timeline']}, {known.leader} on {leads['timeline']}"
        return [f"{found}. See `journalctl -u 'patroni@*'`"]
    if part["behind_mb"] > MOST_BEHIND_MB:
        return [f"PostgreSQL is {part['behind_mb']:.0f} MiB behind {known.leader}"]
    return []
