# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the pools of database connections do on one host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools

# Somebody who waits for a moment is what a pool is for.
LONG_SECONDS = 2


def look_at_pools(pools: Pools, status: dict[str, Any]) -> None:
    """Say how many connections are lent, and who waits for one; nothing of a host without pools."""
    counted = {"busy": 0, "idle": 0, "waiting": 0, "clients": 0, "size": 0}
    names = pools.names()
    for name in names:
        try:
            rows = [row for row in pools.ask(name, "SHOW POOLS") if row["database"] != "pgbouncer"]
            sizes = [int(row["pool_size"]) for row in pools.ask(name, "SHOW DATABASES") if row["name"] != "pgbouncer"]
        except (OSError, KeyError, ValueError) as error:
            status["problems"].append(f"the pool {name} gives no answer ({error}): see systemctl status {pools.unit(name)}")
            continue
        for row in rows:
            counted["busy"] += int(row["sv_active"])
            counted["idle"] += int(row["sv_idle"]) + int(row["sv_used"])
            counted["waiting"] += int(row["cl_waiting"])
            counted["clients"] += int(row["cl_active"]) + int(row["cl_waiting"])
        counted["size"] += sum(sizes)
        longest = max((int(row["maxwait"]) for row in rows), default=0)
        if longest >= LONG_SECONDS:
            status["problems"].append(
                f"requests wait for a connection of the pool {name}, one for {longest} s: see what they are at by "
                "playbooks/diagnose.yml, or set site_database_pool_size higher"
            )
    if names:
        status["pool"] = counted
