# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare the secrets on the controller with the fingerprints that hosts keep of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.fingerprints import Held, held, problems, remedy, wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

STEP = "secret_fingerprints"
ON_THE_HOST = ("name", "root", "state", "certificate_folders")


class ActionModule(HostSteps):
    """Controller side of the fingerprints."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look, compare, or have the host keep them."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        state = str(self._task.args.get("state", "looked"))
        if state in ("looked", "absent"):
            return self.ask(STEP, {key: self._task.args[key] for key in ON_THE_HOST if key in self._task.args}, variables)
        try:
            held_here = self._held(variables)
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}
        return self._compare(held_here, variables) if state == "compared" else self._keep(held_here, variables)

    def _held(self, variables: Mapping[str, Any]) -> Held:
        """Return what the controller has; what the inventory says itself is none of ours."""
        settings = variables["hostvars"].raw_get(variables["inventory_hostname"])
        environment = settings.get("site_env")
        authorities = {str(name): Path(str(path)) for name, path in dict(self._task.args.get("authorities", {})).items()}
        return held(
            Path(str(self._task.args["path"])),
            set(settings),
            authorities,
            set(environment) if isinstance(environment, Mapping) else {"SECRET_KEY", "DATABASE_URL"} if environment else (),
        )

    def _compare(self, held_here: Held, variables: dict[str, Any]) -> dict[str, Any]:
        """Refuse for all hosts what is wrong on one of them."""
        if self._truth(self._task.args.get("anew", False)):
            return {"changed": False}
        step, site = str(self._task.args["step"]), str(self._task.args["name"])
        results = {host: variables["hostvars"][host].get(step) for host in self._hosts(variables)}
        found = {host: result for host, result in results.items() if isinstance(result, Mapping) and "known" in result}
        told = problems(site, found, [host for host in self._task.args["hosts"] if host not in found], held_here)
        return {"failed": True, "msg": "\n".join([*told, remedy(site, held_here)])} if told else {"changed": False}

    def _hosts(self, variables: Mapping[str, Any]) -> list[str]:
        return list(dict.fromkeys([*self._task.args["hosts"], *variables["ansible_play_hosts_all"]]))

    def _keep(self, held_here: Held, variables: dict[str, Any]) -> dict[str, Any]:
        """Have the host keep the fingerprints of what is in use, where it doesn't yet."""
        found = variables["hostvars"][variables["inventory_hostname"]].get(str(self._task.args["step"]))
        if not isinstance(found, Mapping) or "known" not in found:
            return {"changed": False, "skipped": True}
        known = wanted(list(self._task.args["tiers"]), found, held_here)
        if not known or (found["source"] == "kept" and found["known"] == {name: [value] for name, value in known.items()}):
            return {"changed": False}
        arguments = {"name": self._task.args["name"], "root": self._task.args["root"], "state": "kept"}
        return self.ask(STEP, {**arguments, "salt": found["salt"], "known": known}, variables)

    @staticmethod
    def _truth(value: object) -> bool:
        return value if isinstance(value, bool) else str(value).lower() in ("true", "yes", "on", "1")
