# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a host what it has written about a site, once, or again and again while somebody looks on."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.logs import log_lines, merged, moment
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

# Between two questions to a host that is followed, in seconds.
PAUSE = 2.0
# As many seconds are asked for a second time.
OVERLAP = 2.0


class ActionModule(HostSteps):
    """Controller side of site_logs."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and with ``follow`` print what is new until the seconds are over."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            arguments["since"] = moment(str(arguments["since"]))
            arguments["up_to"] = moment(str(arguments["up_to"])) if arguments.get("up_to") else ""
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        seconds = float(arguments.get("follow_seconds", 0) or 0)
        if not arguments.get("follow"):
            return self.ask("site_logs", arguments, task_vars)
        return self._follow(arguments, task_vars or {}, time.time() + seconds if seconds else None)

    def _follow(self, arguments: dict[str, Any], task_vars: dict[str, Any], end: float | None) -> dict[str, Any]:
        """Print what a host writes until an end, or until the operator has seen enough."""
        host = str(task_vars["inventory_hostname"])
        seen: list[Any] = []
        while end is None or time.time() < end:
            answer = self.ask("site_logs", arguments, task_vars)
            if answer.get("failed"):
                return answer
            found = answer["logs"]["entries"]
            if answer["logs"]["more"]:
                Display().display(f"{host}: {answer['logs']['more']} entries are left out: raise logs_lines, or ask for less.")
            for line in log_lines(merged({host: [entry for entry in found if entry not in seen]})):
                Display().display(line)
            # nginx writes whole seconds: what it writes next may count as older than what was seen of others.
            arguments["since"], seen = answer["logs"]["until"] - OVERLAP, found
            time.sleep(PAUSE)
        return {"changed": False, "logs": {"entries": [], "more": 0}}
