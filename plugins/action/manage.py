# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell the host who begins a command."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps


class ActionModule(HostSteps):
    """Controller side of manage."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send the step with the name of whoever runs the playbook."""
        super().run(tmp, task_vars)
        return self.ask("manage", {"by": account(), **self._task.args}, task_vars)
