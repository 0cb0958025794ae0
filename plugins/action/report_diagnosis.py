# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print what was found of all database servers of a play together, and fail when one could not be asked."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.diagnosis import diagnosis_text
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.reports import publish, registered


class ActionModule(ActionBase):  # type: ignore[misc]
    """Gather what each host registered; print a text or JSON."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the report."""
        super().run(tmp, task_vars)
        variables: dict[str, Any] = task_vars or {}
        arguments = self._task.args
        found = {host: _diagnosis(result) for host, result in registered(variables, arguments["step"]).items()}
        publish({"site": arguments["site"], "hosts": found}, diagnosis_text(found, arguments["site"]), arguments)
        silent = [host for host, said in found.items() if "problem" in said]
        if silent:
            return {"failed": True, "msg": f"PostgreSQL on {', '.join(silent)} could not be asked; the report above says why."}
        return {"changed": False}


def _diagnosis(result: Any) -> dict[str, Any]:
    said = (result or {}).get("diagnosis")
    return dict(said) if said else {"problem": (result or {}).get("msg") or "unreachable over SSH"}
