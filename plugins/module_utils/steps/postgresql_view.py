# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a database server without changing anything."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.move import view
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import refuse_to_leave

SPEC: dict[str, Any] = {
    **SERVER,
    "is_alone": {"type": "bool", "default": False},
    "site": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Look, and tell.

    :raises PostgresqlError: the server does not answer, or is to be the only one while it is a member of a cluster.
    """
    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], on_this_host)
    if wanted["is_alone"] and cluster.is_member:
        refuse_to_leave(cluster, wanted["site"])
    module.exit_json(changed=False, server=view(cluster))
