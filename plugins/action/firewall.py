# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render the rules of a firewall, have them loaded, and prove by a new connection that they don't shut the controller out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase
from ansible_collections.hotclub.django.plugins.action.host_files import Renderer
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import pack
from ansible_collections.hotclub.django.plugins.plugin_utils.files.role_templates import Options, wanted_set
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "default": "closed", "choices": ["closed", "opened", "admitted", "left"]},
    "return_seconds": {"type": "int", "default": 30},
}
PAUSE_SECONDS = 1
# For the old rules to be back, after which the host answers again.
GRACE_SECONDS = 15


class ActionModule(HostSteps):
    """Controller side of firewall."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Load the rules, come back through them, and confirm them."""
        super().run(tmp, task_vars)
        self._variables: dict[str, Any] = task_vars or {}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        self._wanted = {**arguments, "payload": self._payload(arguments)}
        found = self._module()
        if found.get("failed") or not found.get("pending"):
            return found
        return {**found, **self._confirm(int(arguments["return_seconds"]))}

    def _payload(self, arguments: dict[str, Any]) -> str:
        templates = Path(self._task._role._role_path) / "templates"
        renderer = Renderer(self._templar, self._variables, templates, self._loader)
        # What leaves needs no content; there, other variables may be missing.
        render = (lambda source, path: b"") if arguments["state"] == "left" else renderer.render
        options = Options({"_site_": arguments["site"]}, {}, {}, [], [], [], [], [], "")
        try:
            return pack(wanted_set(templates, options, render))
        except Trouble as error:
            raise AnsibleActionFail(str(error)) from error

    def _module(self, confirmed: bool = False) -> dict[str, Any]:
        return self.ask("firewall", {**self._wanted, "confirmed": confirmed}, self._variables)

    def _confirm(self, seconds: int) -> dict[str, Any]:
        """Try new connections until one comes through, or the old rules are back."""
        deadline = time.monotonic() + seconds + GRACE_SECONDS
        while True:
            self._hang_up()
            try:
                answer = self._module(confirmed=True)
            except AnsibleConnectionFailure as error:
                if time.monotonic() > deadline:
                    return self._shut_out(seconds, f"It does not answer even now ({error.message}).")
                time.sleep(PAUSE_SECONDS)
                continue
            if answer.get("returned"):
                return self._shut_out(
                    seconds, "The rules from before came back by themselves, and nothing on the host was changed."
                )
            # Without what the first answer says of it: that was before the files were written.
            return {"failed": True, "msg": answer.get("msg", "")} if answer.get("failed") else {"pending": False}

    def _hang_up(self) -> None:
        """Have the next command open a new connection: one that is kept open would come through whatever the rules say."""
        if type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()

    def _shut_out(self, seconds: int, state: str) -> dict[str, Any]:
        host = self._task.delegate_to or self._variables["inventory_hostname"]
        return {
            "failed": True,
            "changed": False,
            "msg": (
                f"The new firewall rules of {host} let no new connection of this controller in for {seconds} s. {state}\n"
                "See that firewall_ssh_sources has the address from which the controller reaches the host, "
                "and firewall_ssh_port the port on which its sshd listens. "
                "Where connecting takes longer than that, raise firewall_return_seconds."
            ),
        }
