# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the place of the generated secrets."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint


def check_folders(inventory: Inventory, findings: Findings) -> None:
    """Refuse an inventory beside which the generated secrets have no single place."""
    if given := inventory.by_name("site_secrets_path"):
        for setting in given:
            for complaint in _check_hidden(str(setting.value), inventory.folders.get(setting.host)):
                findings.add(complaint, setting.place, [setting.host])
        return
    folders = sorted({folder or "" for folder in inventory.folders.values()})
    if "" in folders:
        wrong = "is not set, and an inventory without a file has no folder beside which secrets could be kept"
    elif len(folders) > 1:
        wrong = (
            f"is not set, and inventories in {len(folders)} folders would each have secrets of their own ({', '.join(folders)})"
        )
    else:
        return
    findings.add(Complaint("site_secrets_path", wrong, "Set it to the absolute path of a folder on this machine."))


def _check_hidden(path: str, folder: str | None) -> Iterator[Complaint]:
    """Refuse secrets among the files that Ansible reads as inventories: it would take each for the name of a host."""
    if folder and path.startswith(f"{folder}/"):
        inner = path.removeprefix(f"{folder}/")
        if not any(part.startswith(".") for part in inner.split("/")):
            wrong = f'"{path}" is read as a part of the inventory, so that each secret would become a host'
            yield Complaint("site_secrets_path", wrong, f'Write "{{{{ inventory_dir }}}}/.{inner}".')
