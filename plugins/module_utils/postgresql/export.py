# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site that leaves a server for good: its database is written into a file that can be restored, and only then dropped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, present_port
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.dump import BEFORE, LOADING
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import Talk, identifier, literal, speak

MEBI = 1024 * 1024


def look(cluster: Cluster, database: str, accounts: Sequence[str]) -> dict[str, Any]:
    """Return what there is of a site: the size of its database in bytes, who is connected to it, and its accounts.

    :returns: ``bytes`` is -1 where there is no such database.
    """
    names = ", ".join(literal(account) for account in accounts) or "null"
    query = f"""
select json_build_object(
  'bytes', coalesce((select pg_database_size(oid) from pg_database where datname = {literal(database)}), -1),
  'clients', (
    select coalesce(json_agg(distinct coalesce(usename, 'somebody') || ' from ' || coalesce(host(client_addr), 'here')), '[]')
    from pg_stat_activity where datname = {literal(database)}),
  'accounts', (select coalesce(json_agg(rolname order by rolname), '[]') from pg_roles where rolname in ({names})))
"""  # noqa: S608 - values are in quotes
    found: dict[str, Any] = json.loads(cluster.ask(query))
    return found


def export(cluster: Cluster, database: str, size: int, path: str) -> None:
    """Write a database into one file of pg_dump's custom format, which is there only when it is whole.

    :param size: the database's size in bytes; a dump is smaller, so that it fits where this much is free.
    :param path: the file; only root and the server's account may read it.
    :raises PostgresqlError: there is no room, or the dump can't be made or read.
    """
    folder = os.path.dirname(path)
    if os.path.exists(path):
        raise PostgresqlError(
            f"{path} is an export already, which is not overwritten. The database {database} is as it was.",
            "Move that file away, then run this again.",
        )
    os.makedirs(os.path.dirname(folder), mode=0o755, exist_ok=True)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    shutil.chown(folder, "postgres", "postgres")
    free = shutil.disk_usage(folder).free
    if free < size:
        raise PostgresqlError(
            f"{folder} has {free // MEBI} MiB free, and the database {database} has {size // MEBI} MiB. Its data is as it was.",
            "Make room, or keep the database: leave out decommission_data.",
        )
    part = f"{path}.part"
    port = str(present_port(cluster))
    cluster.as_postgres(f"{cluster.programs}/pg_dump", "--format=custom", "--port", port, "--file", part, "--dbname", database)
    # What can't be read is no export.
    cluster.as_postgres(f"{cluster.programs}/pg_restore", "--list", part)
    os.chmod(part, 0o600)
    os.replace(part, path)


def drop(cluster: Cluster, talk: Talk, database: str, accounts: Sequence[str]) -> list[str]:
    """Drop a database, with what was loaded or stays beside it, and the accounts that own nothing else.

    :returns: the accounts that are still there.
    :raises PostgresqlError: the database can't be dropped.
    """
    beside = ", ".join(literal(database + suffix) for suffix in (LOADING, BEFORE))
    owners = ", ".join(literal(account) for account in accounts) or "null"
    others = f"""
      select format('drop database %I with (force)', datname) from pg_database
      where datname in ({beside}) and pg_get_userbyid(datdba) in ({owners}) \\gexec"""  # noqa: S608 - values are in quotes
    spoken = speak(cluster, talk, [f"drop database if exists {identifier(database)};", others])
    if not spoken.succeeded:
        raise PostgresqlError(
            f"The database {database} can't be dropped: {spoken.complaint}",
            "Its export is made. Run this again once nobody uses it.",
        )
    return list(_left(cluster, talk, accounts))


def _left(cluster: Cluster, talk: Talk, accounts: Sequence[str]) -> Iterator[str]:
    for account in accounts:
        if not speak(cluster, talk, [f"drop role if exists {identifier(account)};"]).succeeded:
            yield account
