# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run PostgreSQL with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    assembled_rules,
    is_installed,
    is_running,
    present_port,
    read,
    refuse_beside_older,
    state_of,
    steps_to_run,
    steps_while_running,
)

SPEC: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "cluster": {"type": "str", "default": "main"},
    "port": {"type": "int", "default": 5432},
    "restart_allowed": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Bring the server to what its files say."""

    def run(command: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(command, cwd="/", environ_update={"LC_ALL": "C.UTF-8"})
        return code, out + err

    wanted = module.params
    cluster = Cluster(wanted["version"], wanted["cluster"], wanted["port"], run)
    try:
        module.exit_json(**brought_up(cluster, wanted["restart_allowed"], module.check_mode))
    except PostgresqlError as error:
        module.fail_json(msg=str(error))


def brought_up(cluster: Cluster, restart_allowed: bool, check_mode: bool) -> dict[str, Any]:
    """Take the steps, or in check mode name them, and return the module's result."""
    if not is_installed(cluster):
        if not check_mode:
            raise PostgresqlError(
                f"PostgreSQL {cluster.version} is not installed on this host. Run the role without --tags or --skip-tags."
            )
        return {"changed": True, "actions": ["start"], "running": False, "port": cluster.port, "pending": {}}
    refuse_beside_older(cluster)
    former_rules = read(cluster.access_rules)
    was_running = is_running(cluster)
    actions = []
    for step in steps_while_running(cluster, restart_allowed) if was_running else steps_to_run(cluster):
        actions.append(step.name)
        if not check_mode:
            step.take()
    running = was_running or not check_mode
    path = cluster.access_rules
    return {
        "changed": bool(actions),
        "actions": actions,
        "running": running,
        "port": present_port(cluster),
        "pending": state_of(cluster)["pending"] if running else {},
        "diff": {"before_header": path, "after_header": path, "before": former_rules, "after": assembled_rules(cluster)},
    }
