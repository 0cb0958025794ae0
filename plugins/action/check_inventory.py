# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the whole inventory on the controller and list everything that is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.plugin_utils.core import untested
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory, warn_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.hsts import remark_new_day
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import hosts_by_tier
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import SecretStore

COLLECTION = Path(__file__).parents[2]
# What needs no folder of secrets when the inventory has it.
GENERATED = {"site_secret_key", "site_database_password"}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Controller side only: no host is connected to."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all problems at once, or say what was found."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        reader = InventoryReader(COLLECTION, self._loader, variables["groups"], variables["hostvars"])
        inventory = reader.inventory()
        problems = check_inventory(inventory, reader.rules)
        store = SecretStore(Path(str(reader.value("site_secrets_path")))) if not problems else None
        problems += store.problems() if store else []
        if problems:
            return result | {"failed": True, "msg": message(problems)}
        generated = store.warnings() if store and not has_own_secrets(inventory, store) else []
        begun = begins_anew(reader, inventory, store) if store else []
        for warning in [*untested(), *warn_inventory(inventory, reader.rules), *generated, *begun]:
            Display().warning(warning)
        sizes = ", ".join(f"{tier} {len(hosts)}" for tier, hosts in hosts_by_tier(variables["groups"]).items())
        return result | {"changed": False, "msg": f"The inventory is in order: {sizes}."}


def has_own_secrets(inventory: Inventory, store: SecretStore) -> bool:
    """Say whether the inventory has all the secrets itself, so that none is generated."""
    return not store.folder.is_dir() and {setting.name for setting in inventory.settings} >= GENERATED


def begins_anew(reader: InventoryReader, inventory: Inventory, store: SecretStore) -> list[str]:
    """Say that HSTS begins anew although the site seems to exist: its secrets are here, and the first day is not."""
    if inventory.by_name("site_tls_hsts_since") or (store.is_empty and not has_own_secrets(inventory, store)):
        return []
    return remark_new_day(store.folder, int(reader.value("site_tls_hsts_seconds")), datetime.now(UTC).date())


def message(problems: list[str]) -> str:
    """Return the problems as one text."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join([f"The inventory has {count}. Nothing has been changed.", *(f"- {problem}" for problem in problems)])
