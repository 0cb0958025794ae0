# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take the steps of a role in as few calls as possible."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refuse
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import chosen, context_of, described, take

ARGUMENTS: dict[str, Any] = {
    "steps": {"type": "list", "elements": "dict", "required": True},
    "refuse": {"type": "list", "elements": "dict", "default": []},
}


class ActionModule(HostSteps):
    """Controller side of steps."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Refuse what can't be, and take the steps."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            refuse(arguments["refuse"])
            steps = chosen(described(arguments["steps"]), variables, self._task.tags)
            return take(self, steps, context_of(self, variables))
        except Trouble as trouble:
            raise AnsibleActionFail(str(trouble)) from trouble
