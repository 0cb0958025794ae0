# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have PostgreSQL backed up by a timer, or now."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import Backups, Wanted

SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent", "backup", "drill", "point"], "default": "present"},
    "site": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "port": {"type": "int", "default": 5432},
    "passphrase": {"type": "str", "no_log": True, "default": ""},
    "repositories": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "type": {"type": "str", "choices": ["local", "host", "s3"], "default": "local"},
            "path": {"type": "str"},
            "kept_fulls": {"type": "int"},
            "bucket": {"type": "str"},
            "endpoint": {"type": "str"},
            "region": {"type": "str"},
            "access_key_id": {"type": "str", "no_log": False},
            "secret_access_key": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
        },
    },
    # Without a default, into which Ansible would write those of the options below.
    "host": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "default": ""},
            "address": {"type": "str", "default": ""},
            "port": {"type": "int", "default": 8432},
            "path": {"type": "path", "default": "/var/lib/hotclub-backup"},
        },
    },
    "hour": {"type": "int", "default": 2},
    "full_days": {"type": "int", "default": 7},
    "kept_fulls": {"type": "int", "default": 2},
    "drill_days": {"type": "int", "default": 7},
    "queue_mb": {"type": "int", "default": 0},
    "processes": {"type": "int", "default": 1},
    "anew": {"type": "bool", "default": False},
    "kind": {"type": "str", "choices": ["full", "diff"], "default": "full"},
    "name": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Run the module."""
    wanted, backups = module.params, Backups(run)
    if wanted["state"] in ("present", "absent"):
        module.exit_json(**_kept(module, backups))
    if wanted["state"] == "point":
        module.exit_json(**_point(module, backups))
    backups.refuse_none()
    if module.check_mode:
        module.exit_json(changed=True, left=False)
    said: dict[str, Any] = {}
    if wanted["state"] == "backup":
        said = {"backups": backups.ask("backup", wanted["kind"])}
    elif wanted["state"] == "drill":
        said = {"drill": backups.ask("drill")}
    if wanted["name"]:
        said |= {"point": backups.ask("point", wanted["name"])}
    # Of the members of a cluster, the primary makes backups and names moments, and one of the others rehearses restores.
    left = any(one.get("follows") or one.get("left_to") for one in said.values())
    module.exit_json(changed=not left, left=left, **said)


def _kept(module: Call, backups: Backups) -> dict[str, Any]:
    """Have them made, or made no more."""
    wanted = module.params
    steps = backups.steps(Wanted.of(wanted)) if wanted["state"] == "present" else backups.leave(wanted["site"])
    actions = module.take_steps(steps)
    return {"changed": bool(actions), "actions": actions, "keeper": backups.keeper or wanted["site"]}


def _point(module: Call, backups: Backups) -> dict[str, Any]:
    """Name this moment; that it fails must not keep anybody from what the moment is named for."""
    if module.check_mode or not backups.keeper:
        return {"changed": bool(backups.keeper)}
    try:
        point = backups.ask("point", module.params["name"])
        return {"changed": not point.get("follows"), "point": point}
    except Trouble as trouble:
        module.warn(
            f"This moment has no name in the backups of PostgreSQL, so that a restore can find it by time alone. {trouble}"
        )
        return {"changed": False}
