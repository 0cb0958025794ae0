# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Upgrade PostgreSQL to a newer major version, go back to the old one, or remove that."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.upgrade import (
    Upgrade,
    alone,
    is_unfinished,
    left_beside,
    servers_of,
    serving_of,
)

PLAYBOOK = "playbooks/upgrade_postgresql.yml"
SPEC: dict[str, Any] = {
    "state": {
        "type": "str",
        "choices": ["planned", "rehearsed", "carried", "following", "switched", "finished", "returned", "confirmed"],
        "default": "planned",
    },
    "do": {"type": "str", "choices": ["upgrade", "back", "confirm"], "default": "upgrade"},
    "site": {"type": "str", "required": True},
    "old": {"type": "str", "default": ""},
    "new": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": "main"},
    "port": {"type": "int", "default": 5432},
    "others_allowed": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Run the module.

    :raises PostgresqlError: it is not possible.
    """
    wanted = module.params
    if wanted["state"] == "planned":
        with alone():
            told = plan(wanted)
        module.exit_json(changed=False, **told)
    if module.check_mode:
        module.exit_json(changed=True)
    old, new = (Cluster(wanted[which], wanted["cluster"], wanted["port"], on_this_host) for which in ("old", "new"))
    with alone():
        told = STATES[wanted["state"]](Upgrade(old, new, Backups(run)))
    module.exit_json(changed=True, **told)


def plan(wanted: Mapping[str, Any], root: str = "/") -> dict[str, Any]:
    """Return from which version to which one it goes, what is left to do, and what forbids it."""
    servers = servers_of(wanted["cluster"], wanted["port"], on_this_host, root)
    if members := [server for server in servers if server.is_member]:
        raise PostgresqlError(
            f"Patroni runs {_shown(members)} on {os.uname().nodename}. Nothing was changed.",
            "Where it shall run by itself from now on, run playbooks/site.yml first: docs/database-cluster.md says how.",
        )
    if wanted["do"] == "upgrade":
        return _plan_upgrade(wanted, servers, Cluster(wanted["new"], wanted["cluster"], wanted["port"], on_this_host, root))
    serving, left = serving_of(servers), left_beside(servers)
    if wanted["do"] == "back" and not serving and len(left) > 1:
        # Broken off between the two files that say which of them starts.
        serving = [left.pop()]
    if len(serving) != 1 or not left:
        raise PostgresqlError(
            f"{os.uname().nodename} has no PostgreSQL that an upgrade has left behind (there are {_shown(servers)}). Nothing was "
            "changed.",
            f"{PLAYBOOK} -e upgrade_to=<version> makes the upgrade.",
        )
    upgrade = Upgrade(left[-1], serving[0], Backups(run))
    told = {"step": wanted["do"], "old": left[-1].version, "new": serving[0].version, "problems": [], "packages": []}
    if wanted["do"] == "confirm":
        return {**told, "problems": _unproved(upgrade)}
    if float(left[-1].version) > float(serving[0].version):
        # It serves already: what is left to do after that can be done once more.
        return {**told, "step": "returned", "old": serving[0].version, "new": left[-1].version}
    return {**told, "lost": upgrade.lost_by_return()}


def _plan_upgrade(wanted: Mapping[str, Any], servers: Sequence[Cluster], new: Cluster) -> dict[str, Any]:
    host, serving = os.uname().nodename, serving_of(servers)
    told: dict[str, Any] = {"new": new.version, "problems": [], "packages": []}
    if not serving and is_unfinished(new) and (left := left_beside(servers)):
        # Broken off after the new one was complete, before it was said to start.
        return {**told, "step": "finish", "old": left[-1].version}
    if [server.version for server in serving] == [new.version]:
        versions = [server.version for server in left_beside(servers) if server.version != new.version]
        return {**told, "step": "finish" if is_unfinished(new) else "nothing", "old": versions[-1] if versions else ""}
    if len(serving) != 1:
        raise PostgresqlError(
            f"{host} has {_shown(servers)}, of which {'several' if serving else 'none'} would start with it. Nothing was "
            "changed.",
            f"Where a way back was interrupted, {PLAYBOOK} -e upgrade_do=back ends it; else say in start.conf which one starts.",
        )
    if float(serving[0].version) > float(new.version):
        raise PostgresqlError(
            f"PostgreSQL {serving[0].version} serves on {host}, which is newer than {new.version}. Nothing was changed.",
            f"{PLAYBOOK} -e upgrade_do=back leads back to a version that an upgrade has left behind.",
        )
    upgrade = Upgrade(serving[0], new, Backups(run))
    problems = list(upgrade.problems(wanted["site"], wanted["others_allowed"]))
    packages = [] if problems else upgrade.packages()
    return {**told, "step": "upgrade", "old": serving[0].version, "problems": problems, "packages": packages}


def _unproved(upgrade: Upgrade) -> list[str]:
    """Return why the server that was left behind is better kept."""
    if not upgrade.backups.keeper:
        return []
    missing = [one["where"] for one in upgrade.backups.ask("look")["repositories"] if not one["newest"]]
    return [
        f"PostgreSQL {upgrade.new.version} has no backup in {where} yet. Run playbooks/backup.yml first." for where in missing
    ]


def _shown(servers: Sequence[Cluster]) -> str:
    return ", ".join(f"{server.version}/{server.name}" for server in servers) or "no cluster"


# What each state does; each returns what it tells.
def _rehearsed(upgrade: Upgrade) -> dict[str, Any]:
    return {"seconds": upgrade.rehearse()}


def _carried(upgrade: Upgrade) -> dict[str, Any]:
    upgrade.carry()
    return {}


def _following(upgrade: Upgrade) -> dict[str, Any]:
    upgrade.follow()
    return {}


def _switched(upgrade: Upgrade) -> dict[str, Any]:
    return {"seconds": upgrade.switch()}


def _finished(upgrade: Upgrade) -> dict[str, Any]:
    told = upgrade.finish()
    upgrade.renew_stanza(upgrade.new)
    upgrade.end()
    return told


def _returned(upgrade: Upgrade) -> dict[str, Any]:
    upgrade.go_back()
    return {}


def _confirmed(upgrade: Upgrade) -> dict[str, Any]:
    return upgrade.confirm()


STATES: Mapping[str, Callable[[Upgrade], dict[str, Any]]] = {
    "rehearsed": _rehearsed,
    "carried": _carried,
    "following": _following,
    "switched": _switched,
    "finished": _finished,
    "returned": _returned,
    "confirmed": _confirmed,
}
