# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what a project is and what its inventory needs, before its first run. Reads on the controller, and runs nothing of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.action.release_build import ADDRESS
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble, carry_out
from ansible_collections.hotclub.django.plugins.module_utils.release.source import GitSource
from ansible_collections.hotclub.django.plugins.plugin_utils.files.folders import files_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import Wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.project import inspect
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.repository import Repository
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source, copied
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.source import check_source
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import placed

COLLECTION = Path(__file__).parents[2]
# What is looked at of the inventory, besides where the source is.
VARIABLES = (
    *(
        "site_name",
        "site_domain",
        "site_aliases",
        "site_project_path",
        "site_settings_module",
        "site_settings_mode",
        "site_interface",
    ),
    *(
        "site_application",
        "site_requirements_file",
        "site_static_url",
        "site_media_url",
        "site_media_private_paths",
        "site_env",
        "site_packages",
    ),
    *("site_build_packages", "site_build_commands", "site_build_env", "site_commands_after_static"),
    *("site_commands_after_migrate", "site_commands_after_switch", "site_python_packages", "site_shared_paths"),
    *("site_database_extensions", "site_unmade_migrations_allowed", "site_mail_host", "python_version"),
)
# What every site gets, where the inventory doesn't say enough to work it out.
GIVEN = (
    *("SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DATABASE_URL"),
    *("MEDIA_ROOT", "SITE_DOMAIN", "SITE_SCHEME", "SITE_CONN_MAX_AGE"),
)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Controller side only: no host is connected to."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the report."""
        super().run(tmp, task_vars)
        return carry_out(lambda: self._inspect(task_vars or {}))

    def _inspect(self, variables: dict[str, Any]) -> dict[str, Any]:
        inventory = Inventory(self._loader, variables)
        address = str(inventory.value("site_source") or "")
        if not address:
            raise Trouble(
                "There is no site_source that could be looked at.",
                "Name the project in the inventory, or with -e site_source=<a git URL, or the absolute path of a folder>.",
            )
        for wrong, remedy in check_source(address):
            raise Trouble(f"site_source: {wrong}.", remedy)
        with tempfile.TemporaryDirectory(prefix="inspect-") as folder:
            copy = Path(folder) / "source"
            copy.mkdir(mode=0o700)
            source = staged(address, inventory, Path(folder), copy)
            report = inspect(source, inventory.wanted(), f"{inventory.value('site_name') or 'The project'}: {address}")
        text = report.text()
        Display().display(text)
        return {"changed": False, "stops": [str(each) for each in report.stops], "lines": report.lines}


class Inventory:
    """What the inventory says of the site, as far as that can be worked out: it may be unfinished."""

    def __init__(self, loader: Any, variables: dict[str, Any]) -> None:
        self._variables = variables
        groups = variables["groups"] if placed(variables["groups"]) else {**variables["groups"], "all": ["localhost"]}
        self._reader = InventoryReader(COLLECTION, loader, groups, variables["hostvars"])
        self.hosts = len(variables["groups"].get("app", []))

    def value(self, name: str) -> Any:
        """Return a variable; None where it isn't set, or can't be worked out without a host."""
        try:
            return self._reader.value(name)
        except (AnsibleError, Trouble):
            return None

    def wanted(self) -> Wanted:
        """Return what the inventory says of the project."""
        known = {name: value for name in VARIABLES if (value := self.value(name)) is not None}
        names = [str(name) for name in self.value("django_environment") or GIVEN]
        own = known.get("site_env")
        given = {**dict.fromkeys(names), **dict.fromkeys(map(str, own if isinstance(own, dict) else {}))}
        return Wanted(known, {**given, "DEBUG": str((own or {}).get("DEBUG", "False"))}, max(self.hosts, 1))


def staged(address: str, inventory: Inventory, folder: Path, copy: Path) -> Source:
    """Return a copy of the source that is safe to read.

    :raises Trouble: it can't be fetched.
    """
    if not ADDRESS.match(address):
        path = Path(address).expanduser()
        return copied(path, files_of(path), copy)
    wanted = GitSource(
        address,
        str(inventory.value("site_version") or "HEAD"),
        str(inventory.value("site_deploy_key") or ""),
        [str(line) for line in inventory.value("site_source_host_keys") or []],
    )
    return Repository(wanted, folder).stage(copy)
