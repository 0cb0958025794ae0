# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Return what all roles need to know of a host."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine import secret_fingerprints
from ansible_collections.hotclub.django.plugins.module_utils.machine.administrators import login
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import is_first
from ansible_collections.hotclub.django.plugins.module_utils.machine.look import (
    addresses_of,
    await_cloud_init,
    facts,
    refuse_broken,
    signed_in,
    time_daemon,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import managed
from ansible_collections.hotclub.django.plugins.module_utils.release.project import ignores_pools

SPEC: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "default": []},
    "secrets": {
        "type": "dict",
        "no_log": False,
        "options": {
            "name": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "certificate_folders": {"type": "list", "elements": "str", "default": []},
        },
    },
    "database": {"type": "dict", "no_log": False, "options": managed.PARAMETERS},
}


def take(module: Call) -> None:
    """Look."""
    refuse_broken()
    if is_first():
        await_cloud_init()
    way_in = signed_in()
    found = {
        "hotclub_login": login(run, os.environ, way_in.get("account", "")),
        "hotclub_addresses": addresses_of(module.params["names"]),
        "hotclub_time_daemon": time_daemon(),
        **({"hotclub_ssh_port": way_in["port"]} if way_in else {}),
    }
    secrets = module.params["secrets"]
    if secrets:
        found["hotclub_ignores_pools"] = ignores_pools(secrets["root"])
    if database := module.params["database"]:
        found["hotclub_database"] = look_at(managed.Target.of(database), secrets["root"] if secrets else "/nonexistent")
    known = secret_fingerprints.look(secrets["name"], secrets["root"], secrets["certificate_folders"]) if secrets else {}
    module.exit_json(ansible_facts={**facts(), **found}, **known)


def look_at(target: managed.Target, root: str) -> dict[str, Any]:
    """Return what a database of somebody else is, and whether the site serves from it; nothing before it can be asked.

    :param root: the site's folder.
    """
    return managed.look_for(root, target) if managed.can_ask(target) else {}
