#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let one database server take the place of another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_handover
version_added: 0.1.0
short_description: Let one database server take the place of another
description:
  - On the new server, V(following) copies everything from the old one and follows it, V(promoted) lets it take over once it
    has all that the old one wrote, and V(tidied) removes what only the copy needed.
  - On the old server, V(followed) waits until the copy is close behind, V(stopped) stops it for good, and V(running)
    lets it go on after all.
  - Each state is left alone where it is reached already, so that an interrupted move can be taken up again.
options:
  state:
    description: What this server shall do or be.
    type: str
    choices: [following, promoted, tidied, followed, stopped, running]
    required: true
  version:
    description: Major version.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    default: main
  port:
    description: Port that it listens on.
    type: int
    default: 5432
  primary:
    description: The old server; needed with O(state=following).
    type: dict
    suboptions:
      address:
        description: Where it is.
        type: str
        required: true
      port:
        description: Port that it listens on.
        type: int
        default: 5432
      at_least:
        description: Its values of settings of which a copy must not have less.
        type: dict
        default: {}
  certificate_path:
    description: >-
      The folder of this server's certificate and key and of its authority's certificate, with which it reaches the old server.
      Without it, it goes there without TLS.
    type: path
  user:
    description: The account with which the copy gets in.
    type: str
    default: ""
  password:
    description: Its password.
    type: str
    default: ""
  last:
    description: Place of the last thing that the old server wrote, as O(state=stopped) returned it.
    type: str
    default: ""
  seconds:
    description: How long to wait for what has to come first.
    type: int
    default: 15
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Copy the database and follow the old server
  hotclub.django.postgresql_handover:
    state: following
    version: "17"
    primary: {address: 10.0.0.2}
    user: hotclub_copy
    password: "{{ vault_replication_password }}"
"""

RETURN = r"""
last:
  description: Place of the last thing that the server wrote.
  type: str
  returned: with state=stopped
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import move as handover
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, is_running


def main() -> None:
    """Bring the server to the wanted state."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["following", "promoted", "tidied", "followed", "stopped", "running"],
                "required": True,
            },
            "version": {"type": "str", "required": True},
            "cluster": {"type": "str", "default": "main"},
            "port": {"type": "int", "default": 5432},
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
        },
        required_if=[
            ("state", "following", ("primary", "user", "password")),
            ("state", "promoted", ("last",)),
            ("state", "tidied", ("user",)),
        ],
        supports_check_mode=True,
    )

    def run(command: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(command, cwd="/", environ_update={"LC_ALL": "C.UTF-8"})
        return code, out + err

    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], run)
    try:
        module.exit_json(**({"changed": True} if module.check_mode else STATES[wanted["state"]](cluster, wanted)))
    except PostgresqlError as error:
        module.fail_json(msg=str(error))


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

if __name__ == "__main__":
    main()
