# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide on the controller which certificates of a host are to be issued, and sign them there."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import USAGES
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.issuing import Issuing, StepFailedError
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

ARGUMENTS: dict[str, Any] = {
    "authority_path": {"type": "path", "default": ""},
    "authority_name": {"type": "str", "default": "Internal authority"},
    "authority_passphrase": {"type": "str", "default": "", "no_log": True},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "path": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
            "common_name": {"type": "str", "default": ""},
            "usages": {"type": "list", "elements": "str", "choices": list(USAGES), "default": ["server"]},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "key_mode": {"type": "str", "default": "0600", "no_log": False},
            "combined": {"type": "bool", "default": False},
            # Between our own hosts: a site that nobody touches for a year goes on.
            "days": {"type": "int", "default": 730},
            "renew_before_days": {"type": "int", "default": 365},
            "only_missing": {"type": "bool", "default": False},
            "certificate": {"type": "str", "default": ""},
            "private_key": {"type": "str", "default": "", "no_log": True},
        },
    },
}


class ActionModule(HostSteps):
    """Controller side of host_certificates."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look, sign, install, and return what was issued."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(ARGUMENTS)

        def ask(step: str, certificates: list[dict[str, Any]]) -> dict[str, Any]:
            answer = self.ask("host_certificates", {"step": step, "certificates": certificates}, task_vars)
            if answer.get("failed") or (step == "look" and "found" not in answer):
                raise StepFailedError(answer)
            return answer

        try:
            return Issuing(**arguments, ask=ask).carry_out(checking=self._task.check_mode, showing=self._task.diff)
        except StepFailedError as failure:
            return failure.answer
        except Trouble as error:
            raise AnsibleActionFail(str(error)) from error
