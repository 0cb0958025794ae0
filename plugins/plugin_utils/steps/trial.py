# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Firewall rules on trial: they go again by themselves unless a new connection comes through them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps, Request

PAUSE_SECONDS = 1
# For the old rules to be back, after which the host answers again.
GRACE_SECONDS = 15


@dataclass(frozen=True)
class Trial:
    """Rules that a host has loaded, and how to reach it.

    :param seconds: after which the rules go.
    """

    action: HostSteps
    variables: dict[str, Any]
    request: Request
    seconds: int

    def confirm(self) -> dict[str, Any]:
        """Try new connections until one comes through, or the old rules are back; return what this changes in the result."""
        deadline = time.monotonic() + self.seconds + GRACE_SECONDS
        while True:
            self._hang_up()
            try:
                answer = self.action.ask(self.request.step, {**self.request.arguments, "confirmed": True}, self.variables)
            except AnsibleConnectionFailure as error:
                if time.monotonic() > deadline:
                    return self._shut_out(f"It does not answer even now ({error.message}).")
                time.sleep(PAUSE_SECONDS)
                continue
            if answer.get("returned"):
                return self._shut_out("The rules from before came back by themselves, and nothing on the host was changed.")
            # Without what the first answer says of it: that was before the files were written.
            return {"failed": True, "msg": answer.get("msg", "")} if answer.get("failed") else {"waits": False}

    def _hang_up(self) -> None:
        """Have the next command open a new connection: one that is kept open would come through whatever the rules say."""
        connection = self.action._connection
        if type(connection).reset is not ConnectionBase.reset:
            connection.reset()

    def _shut_out(self, state: str) -> dict[str, Any]:
        host = self.action._task.delegate_to or self.variables["inventory_hostname"]
        return {
            "failed": True,
            "changed": False,
            "msg": (
                f"The new firewall rules of {host} let no new connection of this controller in for {self.seconds} s. {state}\n"
                "See that firewall_ssh_sources has the address from which the controller reaches the host, "
                "and firewall_ssh_port the port on which its sshd listens. "
                "Where connecting takes longer than that, raise firewall_return_seconds."
            ),
        }
