# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print the status of all hosts of a play together, and fail when something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.filter.status_table import status_table
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.page import status_page
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.reports import publish, put_report, registered
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.status import fleet_problems


class ActionModule(ActionBase):  # type: ignore[misc]
    """Gather what each host registered; print a table or JSON, and write a page."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the report; the exit code of the playbook tells whether all is well."""
        super().run(tmp, task_vars)
        variables: dict[str, Any] = task_vars or {}
        arguments = self._task.args
        statuses = {host: _status(result) for host, result in registered(variables, arguments["step"]).items()}
        backups = str(arguments.get("backups") or "")
        report = {"site": arguments["site"], **_verdict(statuses), "backups": backups, "hosts": statuses}
        obstacle = str(arguments.get("backups_obstacle") or "")
        table = status_table(statuses, arguments["site"], backups, obstacle)
        publish(report, table, arguments)
        if arguments.get("page"):
            page = status_page(
                statuses, arguments["site"], datetime.now(UTC), arguments["flows"], arguments["placed"], backups, obstacle
            )
            put_report(arguments["page"], page)
        if report["healthy"]:
            return {"changed": False}
        return {"failed": True, "msg": f"{arguments['site']} is in trouble; the report above says where and what to do."}


def _status(result: object) -> dict[str, Any]:
    if isinstance(result, Mapping) and isinstance(result.get("status"), Mapping):
        return dict(result["status"])
    reason = result.get("msg") if isinstance(result, Mapping) else None
    return {"problems": [f"the host can't be looked at: {reason or 'unreachable over SSH'}"]}


def _verdict(statuses: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return whether all is well, and what is wrong with the hosts together."""
    together = fleet_problems(statuses)
    return {"healthy": not together and not any(status.get("problems") for status in statuses.values()), "problems": together}
