# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the folder of an export on the controller, or look into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import carry_out
from ansible_collections.hotclub.django.plugins.plugin_utils.files.export import Export

ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["begun", "finished", "dropped", "read"], "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Works on the controller alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the folder there, or return what is in it."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        # Relative to where the operator is, and not to the playbook.
        export = Export(Path(arguments["path"]).expanduser().absolute())
        return carry_out(lambda: bring(export, arguments["state"], bool(self._task.check_mode)))


def bring(export: Export, state: str, is_check: bool) -> dict[str, Any]:
    """Bring the folder there."""
    found = {"path": str(export.path), "part": str(export.part)}
    if state == "read":
        return {"changed": False, **found, "sizes": export.sizes()}
    if not is_check:
        {"begun": export.begin, "finished": export.finish, "dropped": export.drop}[state]()
    return {"changed": state != "dropped", **found}
