# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send release_migrate to the host for the run that holds the lock, and stop a deploy whose plan may not be followed."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.migration_plan import refusal, shown
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedStep


class ActionModule(LockedStep):
    """Controller side of release_migrate."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step, and after a plan say whether the deploy may go on."""
        result = super().run(tmp, task_vars)
        wanted = self._task.args
        if wanted.get("state") != "planned" or result.get("failed"):
            return result
        Display().display(shown(wanted["pending"], result))
        if refused := refusal(result, wanted["policy"], wanted["confirmed"]):
            result.update(failed=True, msg=str(refused))
        return result
