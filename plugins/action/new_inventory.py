# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a new inventory on the controller."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.plugin_utils.core import get_file_vault_secret
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.new import TOPOLOGIES, Wish, make, problems, told

COLLECTION = Path(__file__).parents[2]
DEFAULT_VAULT_PASSWORD_FOLDER = Path("~/.config/hotclub")


class ActionModule(ActionBase):  # type: ignore[misc]
    """Controller side only: no host is connected to."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make it, or list everything that is wrong with what was asked for."""
        super().run(tmp, task_vars)
        names = ("name", "domain", "source", "topology", "address", "path", "vault_password_path")
        _result, said = self.validate_argument_spec({name: {"type": "str", "default": ""} for name in names})
        wish = wish_of({name: str(value).strip() for name, value in said.items()})
        if found := list(problems(wish)):
            lines = [f"- {problem.subject}: {problem.wrong}. {problem.remedy}" for problem in found]
            return {"failed": True, "msg": "\n".join(["No inventory was made.", *lines])}
        if not self._task.check_mode:
            try:
                make(wish, COLLECTION / "inventories", self._vault_of)
            except OSError as error:
                return {"failed": True, "msg": f"No inventory was made: {error.strerror}: {error.filename}."}
            Display().display(told(wish))
        return {"changed": True, "path": str(wish.folder)}

    def _vault_of(self, path: Path) -> Sequence[tuple[str, Any]]:
        secret = get_file_vault_secret(filename=str(path), loader=self._loader)
        secret.load()
        return [(constants.DEFAULT_VAULT_IDENTITY, secret)]


def wish_of(said: dict[str, str]) -> Wish:
    """Return what is wanted, with the defaults of what was left open."""
    name = said["name"]
    kept = said["vault_password_path"] or DEFAULT_VAULT_PASSWORD_FOLDER / f"{Path(name).name or 'site'}.vault-password"
    return Wish(
        name=name,
        domain=said["domain"],
        source=said["source"],
        topology=said["topology"] or TOPOLOGIES[0],
        address=said["address"],
        folder=absolute(said["path"] or Path(name).name or "site"),
        vault_password_path=absolute(kept),
        collections_path=where_collections_are(),
    )


def absolute(path: str | Path) -> Path:
    """Return a path as seen from the folder in which Ansible was started."""
    return Path.cwd() / Path(path).expanduser()


def where_collections_are() -> str:
    """Return the folders of collections, unless Ansible looks there anyway."""
    paths, origin = constants.config.get_config_value_and_origin("COLLECTIONS_PATHS")
    return "" if origin == "default" else ":".join(paths)
