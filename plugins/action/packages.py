# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the host which packages are missing, and only then let ansible.builtin.apt install them."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

ARGUMENTS: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "started": {"type": "bool", "default": True},
    "remedy": {"type": "str", "default": ""},
}
WAITING = {"update_cache": True, "lock_timeout": 300}
RECENT_LISTS = {"cache_valid_time": 3600, **WAITING}
NEW_LISTS = {"cache_valid_time": 0, **WAITING}
# What old or missing package lists lead to.
LISTS_DO_NOT_FIT = re.compile(r"No package matching|404 +Not Found|Unable to locate package|has no installation candidate")
CAUSES = {
    r"No space left|enough free space": "The disk is full. Make room (df -h shows where), then run this again.",
    r"Failed to (fetch|update)|Could not (resolve|connect)|Temporary failure": (
        "See that the host reaches the servers in /etc/apt/sources.list and sources.list.d."
    ),
    r"remove is disabled": "Something that is installed stands in the way, and nothing is removed unasked.",
}


class ActionModule(HostSteps):
    """Controller side of packages."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Install what is missing."""
        super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        names: list[str] = arguments["names"]
        found = self.ask("packages", {"names": names}, self._variables)
        if found.get("failed") or not found["missing"]:
            return {"changed": False, **found}
        result = self._install(names, arguments["started"])
        result["missing"] = found["missing"]
        if result.get("failed"):
            host = self._variables["inventory_hostname"]
            result["msg"] = explained(host, found["missing"], str(result.get("msg", "")), arguments["remedy"])
        return result

    def _install(self, names: list[str], started: bool) -> dict[str, Any]:
        """Let apt do it, with package lists of the last hour and, should these not fit, with new ones."""
        wanted = {"name": names, "install_recommends": False, "fail_on_autoremove": True}
        if not started:
            wanted["policy_rc_d"] = 101
        result = self._apt({**wanted, **RECENT_LISTS})
        if not (result.get("failed") and LISTS_DO_NOT_FIT.search(str(result.get("msg", "")))):
            return result
        self._read_lists()
        return self._apt({**wanted, **RECENT_LISTS})

    def _read_lists(self) -> None:
        """Read the package lists anew; in check mode too, for nothing could be looked up without."""
        check_mode, self._task.check_mode = self._task.check_mode, False
        try:
            self._apt(NEW_LISTS)
        finally:
            self._task.check_mode = check_mode

    def _apt(self, arguments: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.builtin.apt", module_args=arguments, task_vars=self._variables
        )
        return result


def explained(host: str, missing: list[str], message: str, remedy: str) -> str:
    """Return what could not be installed where, why, and what to do."""
    cause = next((cause for pattern, cause in CAUSES.items() if re.search(pattern, message)), "")
    return "\n".join(filter(None, [f"{host} can't install {', '.join(missing)}:", message.strip(), cause, remedy]))
