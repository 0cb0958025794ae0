# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All hosts of a play, or none of them: go on only when a step has ended well on every one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Fail on every host when a step has failed on one."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at the registered results of all hosts of the play."""
        super().run(tmp, task_vars)
        variables: dict[str, Any] = task_vars or {}
        step, what = str(self._task.args["step"]), str(self._task.args["what"])
        hosts = self._task.args.get("hosts", variables["ansible_play_hosts_all"])
        results = {host: variables["hostvars"][host].get(step) for host in hosts}
        behind = [str(host) for host, result in results.items() if not ended_well(result)]
        if behind:
            return {
                "failed": True,
                "msg": f"{what[0].upper()}{what[1:]} did not end well on {', '.join(behind)}, so no host goes on.",
            }
        return {"changed": False}


def ended_well(result: object) -> bool:
    """Say whether a registered result is there and not a failure."""
    return isinstance(result, Mapping) and not result.get("failed") and not result.get("unreachable")
