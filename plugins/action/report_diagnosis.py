# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print what was found of all database servers of a play together, and fail when one could not be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.diagnosis import diagnosis_text


class ActionModule(ActionBase):  # type: ignore[misc]
    """Gather what each host registered; print a text or JSON."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the report."""
        super().run(tmp, task_vars)
        variables: dict[str, Any] = task_vars or {}
        arguments = self._task.args
        found = {
            str(host): _diagnosis(variables["hostvars"][host].get(arguments["step"]))
            for host in variables["ansible_play_hosts_all"]
        }
        as_json = json.dumps({"site": arguments["site"], "hosts": found}, indent=2, default=str)
        if arguments.get("path"):
            Path(arguments["path"]).write_text(as_json + "\n")
        Display().display(as_json if arguments.get("format") == "json" else diagnosis_text(found, arguments["site"]))
        silent = [host for host, said in found.items() if "problem" in said]
        if silent:
            return {"failed": True, "msg": f"PostgreSQL on {', '.join(silent)} could not be asked; the report above says why."}
        return {"changed": False}


def _diagnosis(result: Any) -> dict[str, Any]:
    said = (result or {}).get("diagnosis")
    return dict(said) if said else {"problem": (result or {}).get("msg") or "unreachable over SSH"}
