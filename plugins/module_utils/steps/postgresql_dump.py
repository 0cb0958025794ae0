# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give a site's database as a dump, or make a dump into the site's database."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import dump
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    is_running,
    on_this_host,
    present_port,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import clusters
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import carry_out

SPEC: dict[str, Any] = {
    "port": {"type": "int", "default": 5432},
    "database": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["looked", "dumped", "loaded", "scrubbed", "exchanged", "dropped"],
        "default": "looked",
    },
    "local": {"type": "path"},
    "file": {"type": "path"},
    "size": {"type": "int", "default": 0},
    "sql": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Run the module."""
    # Statements may hold what nobody else needs to see.
    carry_out(module, bring, arguments_shown=False)


def bring(module: Call) -> dict[str, Any]:
    """Look at the database, then do what is asked.

    :raises Trouble: there is no such database.
    """
    wanted = module.params
    cluster, database, state = server_at(wanted["port"]), wanted["database"], wanted["state"]
    base = dump.look(cluster, on_this_host, database)
    if not base.exists:
        if state in ("looked", "dropped"):
            return seen(base, database)
        raise Trouble(f"PostgreSQL on {os.uname().nodename} has no database {database}.", "Run playbooks/site.yml first.")
    if state == "looked":
        return seen(base, database)
    leftover = state == "dropped" and not any(name == database + dump.LOADING for name, _owner in base.others)
    if module.check_mode or leftover:
        return {**seen(base, database), "changed": state != "dumped" and not leftover}
    work: dict[str, Callable[[], object]] = {
        "dumped": lambda: given(cluster, database, base, wanted["file"]),
        "loaded": lambda: dump.load(cluster, on_this_host, database, base, wanted["file"], wanted["size"]),
        "scrubbed": lambda: dump.scrub(cluster, on_this_host, database, base, wanted["sql"]),
        "exchanged": lambda: dump.exchange(cluster, on_this_host, database, base),
        "dropped": lambda: dump.drop(cluster, on_this_host, database, base, dump.LOADING),
    }
    work[state]()
    return {**seen(base, database), "changed": state != "dumped"}


def server_at(port: int) -> Cluster:
    """Return the server that listens on a port of this host.

    :raises Trouble: none does.
    """
    for version, name in clusters("/"):
        cluster = Cluster(version, name, port, on_this_host)
        if present_port(cluster) == port and is_running(cluster):
            return cluster
    raise Trouble(f"No PostgreSQL runs on port {port} of {os.uname().nodename}.", "Start it: playbooks/site.yml does.")


def seen(base: dump.Base, database: str) -> dict[str, Any]:
    """Return what was found."""
    return {
        "changed": False,
        "exists": base.exists,
        "follows": base.follows,
        "is_filled": base.is_filled,
        "admits": base.admits,
        "major": base.major,
        "bytes": base.bytes,
        "identity": base.identity,
        "loading": database + dump.LOADING,
        "before": database + dump.BEFORE,
    }


def given(cluster: Cluster, database: str, base: dump.Base, path: str) -> None:
    """Write a dump where the controller fetches it."""
    dump.dump(cluster, database, base.bytes, path)
    # Whoever connects fetches it, and is not root everywhere.
    owner = os.stat(os.path.dirname(path))
    os.chown(path, owner.st_uid, owner.st_gid)
