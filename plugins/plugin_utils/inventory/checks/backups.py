# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the backups of the database, and with the host that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Setting
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint

# What a repository on the host of the group backup may say.
OF_HOST = {"type", "kept_fulls"}


def check_backups(inventory: Inventory, findings: Findings) -> None:
    """Refuse backups where the database has no host, or several of which not all reach them."""
    databases = inventory.groups.get("db", [])
    for complaint in _wrong_of_keepers(inventory.groups.get("backup", []), databases):
        findings.add(complaint)
    for complaint, setting in _wrong_of_sending(inventory, databases):
        findings.add(complaint, setting.place, [setting.host])
    if len(databases) == 1:
        return
    has = "has no host that could make them"
    remedy = "Take the line out, have something else back up the database, and say in site_backups what it is."
    enabled = [
        setting
        for setting in inventory.by_name("site_backups_enabled")
        if str(setting.value).lower() in ("true", "yes", "on", "1")
    ]
    if databases:
        said = {setting.host: setting.value for setting in inventory.by_name("pgbackrest_repositories")}
        told = [said.get(host) for host in databases]
        if any(one != told[0] for one in told) and (enabled or _are_storages(told[0])):
            wrong = f"is not the same on {', '.join(databases)}, of which any may have to make the backups"
            findings.add(Complaint("pgbackrest_repositories", wrong, "Say it once, for the group db."), hosts=databases)
            return
        if all(map(_are_storages, told)):
            return
        has = f"has {', '.join(databases)}, which do not all reach a folder of one of them"
        remedy = "Name storages of type s3 alone in pgbackrest_repositories, for the group db; or take the line out."
    for setting in enabled:
        findings.add(Complaint(setting.name, f"is true, and the group db {has}", remedy), setting.place, [setting.host])


def _are_storages(repositories: object) -> bool:
    """Say whether backups go to storages alone, none to a folder of the host."""
    if not isinstance(repositories, (list, tuple)):
        return False
    return bool(repositories) and all(isinstance(one, Mapping) and one.get("type") == "s3" for one in repositories)


def _wrong_of_keepers(keepers: list[str], databases: list[str]) -> Iterator[Complaint]:
    """Yield what is wrong with the hosts of the group backup."""
    if len(keepers) > 1:
        remedy = "Leave one in it; another copy goes to a storage of type s3, named in pgbackrest_repositories."
        wrong = f"has {', '.join(keepers)}, and the database's backups go to one host"
        yield Complaint("group backup", wrong, remedy)
    if both := [host for host in keepers if host in databases]:
        wrong = f"has {', '.join(both)} of the group db, so that whoever loses the database loses its backups as well"
        remedy = "Put another host into it; or none, and backups stay on the database's own host."
        yield Complaint("group backup", wrong, remedy)
    if keepers and len(databases) > 1:
        wrong = f"has {', '.join(keepers)}, and the group db has {', '.join(databases)}, with which it has not been tried yet"
        remedy = "Take it out, and name storages of type s3 in pgbackrest_repositories."
        yield Complaint("group backup", wrong, remedy)
    if keepers and not databases:
        remedy = "Take it out, and say in site_backups what backs up the database."
        yield Complaint("group backup", "has a host, and the group db has none that could send backups there", remedy)


def _wrong_of_sending(inventory: Inventory, databases: list[str]) -> Iterator[tuple[Complaint, Setting]]:
    """Yield what is wrong with what is said of a host to which backups are sent, and where the inventory says so."""
    keepers = inventory.groups.get("backup", [])
    for setting in inventory.by_name("pgbackrest_repositories"):
        sent = _are_sent(setting.value)
        if sent and not keepers:
            remedy = "Put a host into the group backup, or name another type."
            yield Complaint(setting.name, "has one of type host, and the group backup has no host", remedy), setting
        elif len(sent) > 1 and setting.host in databases:
            remedy = "Leave one of them: the group backup has one host."
            yield Complaint(setting.name, f"has {len(sent)} of type host", remedy), setting
        elif surplus := sorted({str(key) for one in sent for key in one} - OF_HOST):
            remedy = "Take it out; the folder there is backup_server_path, said for the group backup."
            yield Complaint(setting.name, f"has one of type host with {', '.join(surplus)}", remedy), setting
    for setting in inventory.by_name("backup_server_path"):
        if setting.host not in keepers:
            remedy = "Say it for the group backup; for a folder of the database's own host, pgbackrest_repositories has a path."
            yield Complaint(setting.name, "means something for a host of the group backup alone", remedy), setting


def unused_backup_host(inventory: Inventory) -> Iterator[Complaint]:
    """Yield a remark on a host for backups to which none are sent."""
    said = {setting.host: setting.value for setting in inventory.by_name("pgbackrest_repositories")}
    listed = said.get(next(iter(inventory.groups.get("db", [])), ""))
    keepers = inventory.groups.get("backup", [])
    if keepers and isinstance(listed, (list, tuple)) and not _are_sent(listed):
        wrong = f"has none of type host, so that nothing is sent to {', '.join(keepers)} of the group backup"
        yield Complaint("pgbackrest_repositories", wrong, "Add {type: host} to it, or take the host out of the group.")


def _are_sent(repositories: object) -> list[Mapping[str, object]]:
    """Return the repositories on the host of the group backup."""
    listed = repositories if isinstance(repositories, (list, tuple)) else ()
    return [one for one in listed if isinstance(one, Mapping) and one.get("type") == "host"]
