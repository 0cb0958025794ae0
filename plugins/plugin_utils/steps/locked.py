# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps that change a site's releases say for which run, so that a host refuses one that holds its deployment lock no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import is_dead, whoami
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps


class LockedSteps(HostSteps):
    """Can send steps that work under the deployment lock, or take it."""

    def ask_locked(self, step: str, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Have one step taken on the host, and return its result; where somebody holds the lock who is dead, take it over."""
        arguments = {**arguments, "holder": whoami()}
        result = self.ask(step, arguments, task_vars)
        holder = result.get("held_by")
        if holder and is_dead(holder):
            result = self.ask(step, {**arguments, "dead_run": holder["run"]}, task_vars)
            holder = result.get("held_by")
        if holder:
            result.update(failed=True, msg=refusal(holder, str(arguments["name"])))
        return result


class LockedStep(LockedSteps):
    """The controller's side of such a step that needs nothing else of the controller."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step that the task is called by."""
        super().run(tmp, task_vars)
        return self.ask_locked(self._task.action.rpartition(".")[2], self._task.args, task_vars)


def refusal(holder: Mapping[str, Any], name: str) -> str:
    """Return the message for whoever meets the lock."""
    silent = int(holder.get("silent_seconds", 0))
    lease = "site_deploy_lock_seconds" + (f", and {silent} seconds at least," if silent else "")
    return (
        f"{holder.get('user')} on {holder.get('host')} holds the deployment lock of {name} since {holder.get('since')}: "
        f"{holder.get('what')} (process {holder.get('pid')}).\n"
        f"Wait until that run has ended. If you know that it is dead, it is taken over after {lease} "
        "without a sign of life; for now: -e site_deploy_lock_seconds=0."
    )
