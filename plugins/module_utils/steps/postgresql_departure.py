# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Export a site's database, and drop it with its accounts."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import export
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import carry_out

SPEC: dict[str, Any] = {
    **SERVER,
    "database": {"type": "str", "required": True},
    "accounts": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "path", "required": True},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, depart)


def depart(module: Call) -> dict[str, Any]:
    """Export, then drop; nothing is dropped that was not exported.

    :raises PostgresqlError: somebody is connected, or a part of it failed.
    """
    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], on_this_host)
    database, accounts, path = wanted["database"], wanted["accounts"], wanted["path"]
    there = export.look(cluster, database, accounts)
    exists = there["bytes"] >= 0
    result: dict[str, Any] = {"changed": exists or bool(there["accounts"]), "path": path if exists else "", "accounts_left": []}
    if there["clients"]:
        raise PostgresqlError(
            f"Somebody uses the database {database}: {', '.join(there['clients'])}. It is as it was.",
            "End what uses it, then run this again; or keep the database: leave out decommission_data.",
        )
    if module.check_mode or not result["changed"]:
        return result
    if exists:
        export.export(cluster, database, there["bytes"], path)
    result["accounts_left"] = export.drop(cluster, on_this_host, database, there["accounts"])
    return result
