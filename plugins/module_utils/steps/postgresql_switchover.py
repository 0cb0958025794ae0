# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have another member of a cluster take the primary's place."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import Patroni

SPEC: dict[str, Any] = {
    **SERVER,
    "to": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Switch over, and tell from whom to whom.

    :raises PostgresqlError: no member can take the place now, or the host is no member.
    """
    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], on_this_host)
    if not cluster.is_member:
        raise PostgresqlError(
            f"PostgreSQL of {os.uname().nodename} is no member of a cluster ({cluster.patroni} is not there), so nobody can take "
            "its place. Put three hosts into the group db, and run site.yml."
        )
    module.exit_json(**Patroni(cluster).switch_over(wanted["to"], module.check_mode))
