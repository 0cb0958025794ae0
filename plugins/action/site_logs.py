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


class ActionModule(HostSteps):
    """Controller side of site_logs."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and with ``follow`` print what is new until the seconds are over."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        now = time.time()
        try:
            arguments["since"] = moment(str(arguments["since"]), now)
            arguments["up_to"] = moment(str(arguments["up_to"]), now) if arguments.get("up_to") else ""
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        seconds = float(arguments.pop("follow_seconds", 0) or 0)
        follow = bool(arguments.pop("follow", False))
        if not follow:
            return self.ask("site_logs", arguments, task_vars)
        return self._follow(arguments, task_vars or {}, now + seconds if seconds else None)

    def _follow(self, arguments: dict[str, Any], task_vars: dict[str, Any], end: float | None) -> dict[str, Any]:
        """Print what a host writes until an end, or until the operator has seen enough."""
        host = str(task_vars["inventory_hostname"])
        seen: list[Any] = []
        while end is None or time.time() < end:
            answer = self.ask("site_logs", arguments, task_vars)
            if answer.get("failed"):
                return answer
            found = answer["logs"]["entries"]
            for line in log_lines(merged({host: [entry for entry in found if entry not in seen]})):
                Display().display(line)
            if found:
                # The next answer begins with what was written in the same moment as the last entry, too.
                arguments["since"] = found[-1]["when"]
                seen = [entry for entry in found if entry["when"] == arguments["since"]]
            time.sleep(PAUSE)
        return {"changed": False, "logs": {"entries": [], "more": 0}}
