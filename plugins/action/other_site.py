# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the inventory of another site on the controller, and add its hosts to the run, where they are only read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import carry_out
from ansible_collections.hotclub.django.plugins.plugin_utils.core import folder_of_run
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.other_site import OtherSite, read_other_site

COLLECTION = Path(__file__).parents[2]
ARGUMENTS: dict[str, Any] = {
    "inventory": {"type": "path", "required": True},
    "add": {"type": "str", "default": "", "choices": ["", "database", "application"]},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Works on the controller alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the inventory says of the site, or add one of its hosts."""
        super().run(tmp, task_vars)
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        inventory = str(Path(arguments["inventory"]).expanduser().absolute()) if arguments["inventory"] else ""
        return carry_out(lambda: found(read_other_site(inventory, COLLECTION, self._loader), arguments["add"]))


def found(other: OtherSite, tier: str) -> dict[str, Any]:
    """Return the result of the task."""
    result = {"changed": False, "site": dict(other.site), "folder": str(folder_of_run() / "copy")}
    if not tier:
        return result
    host = other.database_host if tier == "database" else other.application_host
    # In no group of this inventory, and under a name that none of its hosts has.
    added = {
        "host_name": f"{tier}@{other.site['site_name']}",
        "host_vars": dict(other.connections[host]),
        "groups": [f"copied_{tier}"],
    }
    return {**result, "add_host": added}
