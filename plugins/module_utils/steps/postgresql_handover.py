# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let one database server take the place of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import move as handover
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, is_running, on_this_host

SPEC: dict[str, Any] = {
    "state": {
        "type": "str",
        "choices": ["following", "promoted", "tidied", "followed", "stopped", "running"],
        "required": True,
    },
    **SERVER,
    "primary": {
        "type": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "default": 5432},
            "at_least": {"type": "dict", "default": {}},
        },
    },
    "certificate_path": {"type": "path"},
    "user": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
    "last": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": 15},
}


def take(module: Call) -> None:
    """Bring the server to the wanted state.

    :raises PostgresqlError: the server can't be brought there.
    """
    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], on_this_host)
    module.exit_json(**({"changed": True} if module.check_mode else STATES[wanted["state"]](cluster, wanted)))


def following(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the old server, and follow it."""
    primary = wanted["primary"]
    at_least = {name: int(value) for name, value in primary["at_least"].items()}
    certificates = wanted["certificate_path"] or ""
    source = handover.Primary(primary["address"], primary["port"], wanted["user"], wanted["password"], at_least, certificates)
    return {"changed": handover.follow(cluster, source)}


def promoted(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Take over."""
    return {"changed": handover.promote(cluster, wanted["last"], wanted["seconds"])}


def tidied(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Forget how the server was made."""
    handover.tidy(cluster, wanted["user"])
    return {"changed": True}


def followed(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Wait for the copy."""
    return {"changed": False, "behind_bytes": handover.await_follower(cluster, wanted["seconds"])}


def stopped(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Stop for good."""
    was_running = is_running(cluster)
    return {"changed": was_running, "last": handover.stop(cluster)}


def running(cluster: Cluster, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Go on after all."""
    was_running = is_running(cluster)
    handover.go_on(cluster)
    return {"changed": not was_running}


STATES = {
    "following": following,
    "promoted": promoted,
    "tidied": tidied,
    "followed": followed,
    "stopped": stopped,
    "running": running,
}
