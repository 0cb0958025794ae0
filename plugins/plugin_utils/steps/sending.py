# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every step goes to a host by the same module, so that Ansible assembles one archive for a run and not one for each name.

A host that has kept the code of an earlier call is sent nothing but the steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.verbs import run_for
from ansible_collections.hotclub.django.plugins.plugin_utils.steps import kept

PAYLOAD = "hotclub.django.payload"
# What Ansible reports of a call as a whole.
OF_THE_CALL = ("warnings", "deprecations")


@dataclass(frozen=True)
class Request:
    """What is asked of a host: a module of the room `steps`, and its arguments."""

    step: str
    arguments: Mapping[str, Any]


# What comes back from a host on which no module can run.
NO_INTERPRETER = re.compile(r"interpreter '(\S+)' was not found|: (/\S*python\S*): not found")
NO_ROOM = re.compile(r"No usable temporary directory|No space left on device")


def explained(host: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the failure of a call with what to do about it, where that is known."""
    said = "\n".join(str(answer.get(name, "")) for name in ("msg", "module_stderr", "module_stdout"))
    if found := NO_INTERPRETER.search(said):
        python = found[1] or found[2]
        trouble = Trouble(
            f"{host} has no {python}, without which Ansible can do nothing there.",
            f"Install it: ansible {host} --become -m ansible.builtin.raw -a 'apt-get install --yes python3'. "
            f"Where it is somewhere else, set ansible_python_interpreter for {host}.",
        )
    elif NO_ROOM.search(said):
        trouble = Trouble(
            f"The disk of {host} is full, or may not be written: not even a temporary file can be made there.",
            "Make room (df -h and df -i show where), then run this again.",
        )
    else:
        return dict(answer)
    return {"failed": True, "changed": False, "msg": str(trouble)}


class HostSteps(ActionBase):  # type: ignore[misc]
    """Can send steps to the host of its task."""

    def send(
        self, requests: Sequence[Request], task_vars: dict[str, Any] | None, comparing: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Have steps taken on the host in one call, until one of them fails or waits for the controller.

        :param comparing: take none, and ask all of them whether they would change anything.
        :returns: the results of those that were taken, and what Ansible reports of the call. A host that can't be called at all
            has one result, the failure.
        """
        steps = [{"step": request.step, "arguments": request.arguments} for request in requests]
        variables = task_vars or {}
        run = {} if comparing or self._task.check_mode else run_for(variables)
        # Texts of Ansible's own, such as encrypted ones, become plain.
        payload = json.dumps({"steps": steps, "comparing": comparing, "run": run}, default=str)
        key = self._key(variables)
        answer = (self._by_kept_code(key, payload) if key else None) or self._by_module(payload, key, variables)
        if "results" not in answer:
            host = str(self._task.delegate_to or variables.get("inventory_hostname", "The host"))
            return [explained(host, answer)], {}
        return answer["results"], {name: answer[name] for name in OF_THE_CALL if name in answer}

    def _key(self, variables: Mapping[str, Any]) -> str:
        """Return by which key the host keeps the code of steps; nothing where each call has to bring it.

        The controller itself, and hosts of whom each call makes a file first, have no use for it.
        """
        if self._connection.transport == "local" or not self._is_pipelining_enabled("new"):
            return ""
        of_host = variables.get("ansible_delegated_vars", {}).get(self._task.delegate_to, variables)
        return kept.key_for(str(of_host.get("ansible_python_interpreter", "")))

    def _by_kept_code(self, key: str, payload: str) -> dict[str, Any] | None:
        """Have the code that the host has kept take the steps; nothing was done where it has none."""
        given = kept.call(payload, bool(self._task.check_mode), bool(self._task.diff))
        started = kept.command(key, self._compute_environment_string())
        return kept.answer_of(self._low_level_execute_command(started, in_data=given))

    def _by_module(self, payload: str, key: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Send the code with the steps, and have the host keep it."""
        answer: dict[str, Any] = self._execute_module(
            module_name=PAYLOAD, module_args={"payload": payload, "keep": key}, task_vars=variables
        )
        # Ansible prints a module's arguments at -vvv: here, the content of every file.
        answer.pop("invocation", None)
        return answer

    def ask(self, step: str, arguments: Mapping[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Have one step taken on the host, and return its result."""
        results, of_the_call = self.send([Request(step, arguments)], task_vars)
        return {**of_the_call, **results[0]}


class HostStep(HostSteps):
    """The controller's side of a step that needs nothing of the controller: its arguments are those of the task."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step that the task is called by."""
        super().run(tmp, task_vars)
        return self.ask(self._task.action.rpartition(".")[2], self._task.args, task_vars)
