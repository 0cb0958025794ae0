# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with a database that somebody else runs."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint

SERVER = "site_database_server"
OF_A_SERVER = ("site_database_tls_mode", "site_database_ca_path")


def is_managed(inventory: Inventory) -> bool:
    """Say whether somebody else runs the database."""
    return any(setting.value for setting in inventory.by_name(SERVER))


def check_managed(inventory: Inventory, findings: Findings) -> None:
    """Refuse a database that is said to be in two places, one without a password, what means something only with a server,
    and a server that need prove nothing.
    """
    if not is_managed(inventory):
        for name in OF_A_SERVER:
            for setting in inventory.by_name(name):
                remedy = f"Name the server in {SERVER}, or remove the line."
                findings.add(Complaint(name, f"is not used, since {SERVER} is empty", remedy), setting.place, [setting.host])
        return
    for setting in inventory.by_name(SERVER):
        if setting.value and (databases := inventory.groups.get("db", [])):
            findings.add(
                Complaint(
                    SERVER,
                    f"is {setting.value}, and the group db has {', '.join(databases)}: only one of them can have the database",
                    "Take the hosts out of the group db, or remove the line.",
                ),
                setting.place,
                [setting.host],
            )
    with_authority = {setting.host for setting in inventory.by_name("site_database_ca_path") if setting.value}
    for setting in inventory.by_name("site_database_tls_mode"):
        if setting.value == "verify-ca" and setting.host not in with_authority:
            findings.add(
                Complaint(
                    setting.name,
                    "is verify-ca, and site_database_ca_path is empty: "
                    "whoever has a certificate of any public authority could pose as the server",
                    "Set site_database_ca_path to a file with the certificate of the server's own authority, "
                    "as the provider hands it out; or remove the line.",
                ),
                setting.place,
                [setting.host],
            )
    given = {setting.host for setting in inventory.by_name("site_database_password")}
    if missing := [host for host in inventory.hosts if host not in given]:
        findings.add(
            Complaint(
                "site_database_password",
                f"is not set, and for the account at {SERVER} none can be generated",
                "Set it as the provider has given it, encrypted with ansible-vault encrypt_string --name site_database_password.",
            ),
            hosts=missing,
        )
