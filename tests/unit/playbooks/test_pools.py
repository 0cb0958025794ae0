"""What playbooks do with the pool of the database's connections while the site serves."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.unit.conftest import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
UNIT = CHECKOUT / "roles/pgbouncer/templates/etc/systemd/system/_site_-pool@.service.j2"


def included(task: dict[str, Any]) -> list[str]:
    """The roles that a task goes through, each with its entry."""
    named = [task[f"ansible.builtin.{word}_role"] for word in ("include", "import") if f"ansible.builtin.{word}_role" in task]
    return [f"{role['name'].rpartition('.')[2]}.{role.get('tasks_from', 'main')}" for role in named]


def test_a_pool_follows_the_database_to_another_address_before_its_old_one_is_shut_out() -> None:
    plays = yaml.safe_load((PLAYBOOKS / "decommission.yml").read_text(encoding="utf-8"))
    roles = [role for play in plays for task in play.get("tasks", []) for role in included(task)]

    assert roles.count("pgbouncer.main") == 1
    assert roles.index("pgbouncer.main") < roles.index("django.environment") < roles.index("postgresql.{{ item }}")
    [task] = [task for play in plays for task in play.get("tasks", []) if "pgbouncer.main" in included(task)]
    assert task["when"] == "site_database_is_pooled"


def test_requests_are_held_for_longer_than_a_pool_may_take_to_stop() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "tasks" / "restart_pools.yml").read_text(encoding="utf-8"))[0]["block"]
    given = {
        module: said["seconds"] for task in tasks for module, said in task.items() if isinstance(said, dict) and "seconds" in said
    }
    [stops] = re.findall(r"^TimeoutStopSec=(\d+)s$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)

    assert given["hotclub.django.balancer_checks"] > given["hotclub.django.site_hold"] > int(stops)
