# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take one step in the replacement of secrets, on the controller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.plugin_utils.core import trust_as_template
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import (
    STEPS,
    Secret,
    SecretStore,
    forgotten,
)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Controller side only: no host is connected to."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step with each of the secrets; never returns one of them."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(
            {
                "path": {"type": "path", "required": True},
                "secrets": {"type": "dict", "required": True, "no_log": False},
                "step": {"type": "str", "choices": list(STEPS), "required": True},
            }
        )
        store, step = SecretStore(Path(arguments["path"])), STEPS[arguments["step"]]
        try:
            for name, variable in arguments["secrets"].items():
                self._refuse_foreign(store, name, variable)
            taken = [self._take(store, name, step) for name in arguments["secrets"]]
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}
        return {"changed": any(before != after for before, after in taken)}

    def _refuse_foreign(self, store: SecretStore, name: str, variable: str) -> None:
        """Refuse a secret that was not generated, since whoever keeps it would give the old one again."""
        value = self._templar.template(trust_as_template(f"{{{{ {variable} }}}}"))
        if value != store.read(name).current:
            raise AnsibleError(
                f"{variable} is set in the inventory or comes from a store of its own, so that only there it can be replaced. "
                f"Nothing was changed. Take {variable} out of the inventory, and one is generated; "
                "or replace it where it is kept, as docs/secrets.md says."
            )

    def _take(self, store: SecretStore, name: str, step: Callable[[Secret], Secret]) -> tuple[Secret, Secret]:
        before = store.read(name)
        if step is forgotten and before.step:
            raise AnsibleError(f"The rotation of {name} has not ended, so nothing was forgotten. First: -e rotate_what={name}.")
        return (before, step(before)) if self._task.check_mode else store.change(name, step)
