# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the database server of one host does."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import managed
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import CLUSTER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.upgrade import left_beside, servers_of, serving_of

MEBI = 1024 * 1024
# A server that is well answers within milliseconds.
SECONDS = 30


def look_at_database(database: str, status: dict[str, Any]) -> None:
    """Ask PostgreSQL for the size of the database and its connections."""
    query = "select pg_database_size(:'name'), (select count(*) from pg_stat_activity where datname = :'name')"
    try:
        command = ["psql", "-XAt", "-F", " ", "-v", "ON_ERROR_STOP=1", "-v", f"name={database}"]
        told = run(command, user="postgres", stdin=query, timeout=SECONDS)
    except (Trouble, KeyError) as error:
        if isinstance(error.__cause__, subprocess.TimeoutExpired):
            status.update(postgresql="failing")
            status["problems"].append(f"PostgreSQL: no answer within {SECONDS} s")
            return
        status.update(postgresql="missing")
        status["problems"].append(f"PostgreSQL is not installed ({error})")
        return
    status["postgresql"] = "running" if told.code == 0 else "failing"
    if told.code:
        status["problems"].append(f"PostgreSQL: {told.tail(1)}")
        return
    size, connections = told.stdout.split()
    status.update(database_mb=round(int(size) / MEBI, 1), database_connections=int(connections))
    status["remarks"] += remarks_on_upgrade()


def remarks_on_upgrade(root: str = "/") -> list[str]:
    """Say which server an upgrade, or the way back from one, has left behind."""
    servers = servers_of(CLUSTER, 0, on_this_host, root)
    serving = serving_of(servers)
    return [
        f"PostgreSQL {serving[0].version} serves since an upgrade, and {left.data} has what {left.version} was left with: "
        "playbooks/upgrade_postgresql.yml -e upgrade_do=confirm removes it"
        for left in left_beside(servers)
        if serving
    ]


def look_at_managed(target: managed.Target, status: dict[str, Any]) -> None:
    """Ask a database that somebody else runs what it has and has room for, as the site itself reaches it."""
    try:
        seen = managed.look(target)
    except Trouble as error:
        status.update(postgresql="failing")
        status["problems"].append(f"{error.cause} {error.remedy}")
        return
    status.update(
        postgresql="running",
        postgresql_version=seen["version"],
        database_mb=seen["megabytes"],
        database_connections=seen["connections"],
    )
    status["remarks"].append(
        f"the database is PostgreSQL {seen['version']} at {target.address}, which somebody else runs; "
        f"it has room for {seen['room']} connections of {target.user}"
    )
