# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take PostgreSQL back to an earlier moment, in place or beside the live data."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import CLUSTER, Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.restore import Restore, follows

SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["planned", "in_place", "beside"], "default": "planned"},
    "time": {"type": "str", "default": ""},
    "backup": {"type": "str", "default": ""},
    "name": {"type": "str", "default": ""},
    "beside_name": {"type": "str", "default": "restored"},
    "beside_port": {"type": "int", "default": 5433},
}


def take(module: Call) -> None:
    """Run the module."""
    wanted, backups = module.params, Backups(run)
    backups.refuse_none()
    version, port = backups.settings["version"], int(backups.settings["port"])
    cluster = Cluster(version, CLUSTER, port, on_this_host)
    if follows(cluster):
        # The primary does it.
        module.exit_json(changed=False, follows=True)
    restore = Restore(cluster, backups)
    target = {name: wanted[name] for name in ("time", "backup", "name")}
    if wanted["state"] == "planned" or module.check_mode:
        module.exit_json(changed=wanted["state"] != "planned", follows=False, **restore.plan(target))
    if wanted["state"] == "in_place":
        module.exit_json(changed=True, **restore.in_place(target))
    copy = Cluster(version, wanted["beside_name"], wanted["beside_port"], on_this_host)
    module.exit_json(changed=True, **restore.beside(target, copy))
