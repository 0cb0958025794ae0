# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to release_switch who asks."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedSteps


class ActionModule(LockedSteps):
    """Controller side of a switch."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Switch on the host."""
        super().run(tmp, task_vars)
        return self.ask_locked("release_switch", {**self._task.args, "by": account()}, task_vars)
