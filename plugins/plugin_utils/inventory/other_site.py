# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The site of another inventory, which this run reads: what it is called, where its data is, and how to connect there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import (
    DataLoader,
    HostVars,
    InventoryManager,
    VariableManager,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader

# How a run connects to a host and becomes root there.
OF_CONNECTIONS = re.compile(
    r"ansible_(host|port|user|password|connection|python_interpreter|private_key_file|pipelining|remote_tmp"
    r"|become\w*|ssh_\w+|scp_\w+|sftp_\w+|sudo_\w+|shell_\w+)"
)
READ = ("site_name", "site_database_name", "site_database_server_port", "site_media_path", "site_media_storage")


@dataclass(frozen=True)
class OtherSite:
    """What is known of it."""

    # Its variables, by their names.
    site: Mapping[str, Any]
    database_host: str
    application_host: str
    # For these two, the variables of their connections.
    connections: Mapping[str, Mapping[str, Any]]


def read_other_site(path: str, collection: Path, loader: DataLoader) -> OtherSite:
    """Read an inventory as Ansible would, had it been named with -i.

    :raises Trouble: it has no such site, or one whose database is not on a host of it.
    """
    if not path or not os.path.exists(path):
        raise Trouble(
            f"There is no inventory {path!r}." if path else "No inventory was named to copy from.",
            "Name that of the site to copy, which is only read: -e copy_site_from=<inventory>.",
        )
    inventory = InventoryManager(loader=loader, sources=[path])
    hostvars = HostVars(inventory, VariableManager(loader=loader, inventory=inventory), loader)
    groups = inventory.get_groups_dict()
    databases, applications = groups.get("db", []), groups.get("app", [])
    if not applications:
        raise Trouble(f"{path} has no host in the group app.", "Name the inventory of the site to copy.")
    reader = InventoryReader(collection, loader, groups, hostvars)
    try:
        site = {name: reader.value(name) for name in READ}
        if not databases:
            raise Trouble(
                f"The database of {site['site_name']} is on no host of {path}, so somebody else runs it.",
                "Take a dump with pg_dump --format=custom, and load it with playbooks/import.yml.",
            )
        hosts = dict.fromkeys((databases[0], applications[0]))
        connections = {host: connection_of(host, hostvars, reader) for host in hosts}
    except AnsibleError as error:
        raise Trouble(f"{path} can't be read: {error}", "Try playbooks/check.yml with it.") from error
    return OtherSite(site, databases[0], applications[0], connections)


def connection_of(host: str, hostvars: HostVars, reader: InventoryReader) -> dict[str, Any]:
    """Return the variables by which a run connects to a host."""
    names = [name for name in hostvars.raw_get(host) if OF_CONNECTIONS.fullmatch(name)]
    return {"ansible_host": host, **{name: reader.value(name, host) for name in names}}
