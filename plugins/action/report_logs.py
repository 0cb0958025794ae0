# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print what all hosts of a play have written about a site in order of time, and say which could not be asked."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.logs import log_lines, merged
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.reports import publish, registered


class ActionModule(ActionBase):  # type: ignore[misc]
    """Gather what each host registered; print lines or JSON."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the newest entries of all hosts together."""
        super().run(tmp, task_vars)
        arguments = self._task.args
        answers = registered(task_vars or {}, arguments["step"])
        found = {host: answer["logs"] for host, answer in answers.items() if answer and "logs" in answer}
        together = merged({host: logs["entries"] for host, logs in found.items()})
        entries = together[-int(arguments["lines"]) :]
        more = len(together) - len(entries) + sum(int(logs["more"]) for logs in found.values())
        left_out = [f"{more} older entries are not shown: ask with -e logs_lines=, or for less."] if more else []
        nothing = [] if entries else ["Nothing was written that fits."]
        text = "\n".join([*left_out, *log_lines(entries), *nothing])
        silent = {host: (answers[host] or {}).get("msg") or "unreachable over SSH" for host in answers if host not in found}
        publish({"site": arguments["site"], "entries": entries, "more": more, "problems": silent}, text, arguments)
        if silent:
            told = "; ".join(f"{host}: {reason}" for host, reason in silent.items())
            return {"failed": True, "msg": f"Logs are missing above. {told}"}
        return {"changed": False}
