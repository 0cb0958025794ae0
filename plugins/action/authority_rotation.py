# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a new internal authority take the old one's place, one step at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import utc_now
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.rotation import STEPS

ARGUMENTS: dict[str, Any] = {
    "authority_path": {"type": "path", "required": True},
    "authority_name": {"type": "str", "default": "Internal authority"},
    "authority_passphrase": {"type": "str", "required": True, "no_log": True},
    "step": {"type": "str", "choices": list(STEPS), "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Work on the authority's folder on the controller."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step."""
        super().run(tmp, task_vars)
        _result, wanted = self.validate_argument_spec(ARGUMENTS)
        if self._task.check_mode:
            return {"changed": True}
        try:
            changed = STEPS[wanted["step"]](
                Path(wanted["authority_path"]), wanted["authority_name"], wanted["authority_passphrase"], utc_now()
            )
        except Trouble as error:
            raise AnsibleActionFail(str(error)) from error
        return {"changed": changed}
