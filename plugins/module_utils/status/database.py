# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the database server of one host does."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run

MEBI = 1024 * 1024


def look_at_database(database: str, status: dict[str, Any]) -> None:
    """Ask PostgreSQL for the size of the database and its connections."""
    query = "select pg_database_size(:'name'), (select count(*) from pg_stat_activity where datname = :'name')"
    try:
        told = run(["psql", "-XAt", "-F", " ", "-v", "ON_ERROR_STOP=1", "-v", f"name={database}"], user="postgres", stdin=query)
    except (Trouble, KeyError) as error:
        status.update(postgresql="missing")
        status["problems"].append(f"PostgreSQL is not installed ({error})")
        return
    status["postgresql"] = "running" if told.code == 0 else "failing"
    if told.code:
        status["problems"].append(f"PostgreSQL: {told.tail(1)}")
        return
    size, connections = told.stdout.split()
    status.update(database_mb=round(int(size) / MEBI, 1), database_connections=int(connections))
