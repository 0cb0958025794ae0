# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to release_lock who is asking, and find out whether a holder on this controller is still alive."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import run_of
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps


class ActionModule(HostSteps):
    """Controller side of the deployment lock."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take or let go of the lock; take it over from a holder that is dead."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "holder": whoami()}
        result = self.ask("release_lock", arguments, task_vars)
        holder = result.get("held_by")
        if holder and is_dead(holder):
            result = self.ask("release_lock", {**arguments, "dead_run": holder["run"]}, task_vars)
            holder = result.get("held_by")
        if holder:
            result.update(failed=True, msg=refusal(holder, str(arguments["name"])))
        return result


def whoami() -> dict[str, Any]:
    """Return who runs this playbook: account, machine and process. Tasks run in children of that process."""
    host, pid = socket.gethostname(), os.getppid()
    return {"user": getpass.getuser(), "host": host, "pid": pid, "run": run_of(host, pid)}


def is_dead(holder: dict[str, Any]) -> bool:
    """Say whether the holder ran on this machine and is gone. Nothing is known of other machines' processes."""
    return holder.get("host") == socket.gethostname() and holder.get("run") != run_of(holder["host"], int(holder["pid"]))


def refusal(holder: dict[str, Any], name: str) -> str:
    """Return the message for whoever meets the lock."""
    return (
        f"{holder.get('user')} on {holder.get('host')} holds the deployment lock of {name} since {holder.get('since')}: "
        f"{holder.get('what')} (process {holder.get('pid')}).\n"
        f"Wait until that run has ended. If you know that it is dead, it is taken over after site_deploy_lock_seconds; "
        f"for now: -e site_deploy_lock_seconds=0."
    )
