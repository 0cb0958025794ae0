# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with hosts that work together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory import virtual_addresses
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.background import names_zone
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS

# Said for single application hosts.
OF_ONE_APP_HOST = ("site_app_weight", "site_app_backup", "site_app_drained")

# As Ansible names them.
WAYS_TO_BECOME_ROOT = ("sudo", "su", "ansible.builtin.sudo", "ansible.builtin.su")


def check_becoming_root(inventory: Inventory, findings: Findings) -> None:
    """Refuse ways to become root that have never been tried."""
    for host, method in inventory.becomes.items():
        if method not in WAYS_TO_BECOME_ROOT:
            findings.add(
                Complaint(
                    "ansible_become_method",
                    f'is "{method}", and runs become root by sudo or su alone',
                    "Install sudo on the host, allow it to the account that signs in, and set ansible_become_method: sudo.",
                ),
                hosts=[host],
            )


def check_minimum_hosts(inventory: Inventory, findings: Findings) -> None:
    """Refuse an inventory that lacks hosts: the answer of a provider may have holes, and no run takes them for a wish."""
    for setting in inventory.settings:
        if setting.name != "site_minimum_hosts" or not isinstance(setting.value, Mapping):
            continue
        for tier, least in setting.value.items():
            there = len(inventory.groups.get(str(tier), []))
            if tier in TIERS and isinstance(least, int) and there < least:
                findings.add(
                    Complaint(
                        "site_minimum_hosts",
                        f"says that the group {tier} has {least} hosts at least, and the inventory has {there}",
                        "Look whether the source of the inventory has answered for all of them (ansible-inventory --graph); "
                        "lower the number where hosts are gone for good.",
                    ),
                    setting.place,
                    [setting.host],
                )


def check_fleet(inventory: Inventory, findings: Findings) -> None:
    """Refuse what no fleet of application hosts can do."""
    apps = inventory.groups.get("app", [])
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings}
    for setting in inventory.settings:
        if setting.name in OF_ONE_APP_HOST and setting.host not in apps:
            remedy = "Say it of single hosts of the group app."
            findings.add(
                Complaint(setting.name, "means something for application hosts alone", remedy), setting.place, [setting.host]
            )
    takers = [host for host in apps if not _true(said.get((host, "site_app_drained")))]
    if apps and not takers:
        wrong, remedy = "is set for every application host, so that nobody answers", "Take it from one of them."
        findings.add(Complaint("site_app_drained", wrong, remedy), hosts=apps)
    storage = {str(said.get((host, "site_media_storage"), "local")) for host in inventory.hosts}
    if len(apps) > 1 and "local" in storage:
        findings.add(
            Complaint(
                "site_media_storage",
                f"is local, but {len(apps)} application hosts would each keep the files that reach it, and miss the others'",
                "Set it to s3 and name a bucket, or to shared and name a folder that all of them mount in site_media_path; "
                "or to none, if visitors upload nothing.",
            )
        )
    methods = {str(said.get((host, "site_balance_method"), "")) for host in inventory.hosts}
    if "hash" in methods and not any(said.get((host, "site_balance_hash_key")) for host in inventory.hosts):
        remedy = "Set site_balance_hash_key to header:<name>, cookie:<name>, query:<name> or path."
        findings.add(Complaint("site_balance_method", "is hash, and nothing says of what", remedy))


def check_shared_addresses(inventory: Inventory, findings: Findings) -> None:
    """Refuse addresses that these balancers could not pass on among them."""
    balancers = {host: inventory.addresses[host] for host in inventory.groups.get("lb", []) if host in inventory.addresses}
    for setting in inventory.by_name(virtual_addresses.NAME):
        if setting.host in balancers and isinstance(setting.value, (list, tuple)) and setting.value:
            addresses = [str(address) for address in setting.value]
            for complaint, hosts in virtual_addresses.complaints(addresses, balancers):
                findings.add(complaint, hosts=hosts)
            return


def check_pool(inventory: Inventory, findings: Findings) -> None:
    """Refuse a pool for a project that would not be led to it, or whose database is another one, or one of several hosts."""
    databases = inventory.groups.get("db", [])
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings}
    for setting in inventory.by_name("site_database_pool"):
        if setting.value == "none":
            continue
        if len(databases) != 1:
            has = f"has {', '.join(databases)}, with which no pool has been tried yet" if databases else "has no host"
            wrong = f"is {setting.value}, and the group db {has}"
            findings.add(Complaint(setting.name, wrong, "Set site_database_pool: none."), setting.place, [setting.host])
        if (mode := said.get((setting.host, "site_settings_mode"), "layered")) != "layered":
            wrong = f"is {setting.value}, but with site_settings_mode: {mode} nothing tells Django of the pool"
            remedy = "Set site_settings_mode: layered, or site_database_pool: none."
            findings.add(Complaint(setting.name, wrong, remedy), setting.place, [setting.host])
        environment = said.get((setting.host, "site_env"))
        url = str(environment.get("DATABASE_URL", "")) if isinstance(environment, Mapping) else ""
        if url and not url.startswith("${DATABASE_URL}"):
            wrong = f"is {setting.value}, but DATABASE_URL of site_env names a database that the pool does not lead to"
            findings.add(
                Complaint(setting.name, wrong, "Take DATABASE_URL out of site_env, or set site_database_pool: none."),
                setting.place,
                [setting.host],
            )


def check_time_zones(inventory: Inventory, findings: Findings) -> None:
    """Refuse timers that would be due at several moments, since their hosts have several time zones."""
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings}
    drained = {host for host in inventory.hosts if _true(said.get((host, "site_app_drained")))}
    apps = inventory.groups.get("app", [])
    hosts = inventory.groups.get("worker", []) or [host for host in apps if host not in drained] or apps
    zones = {host: str(said.get((host, "os_timezone"), "Etc/UTC")) for host in hosts}
    if len({*zones.values()}) < 2:
        return
    has = ", ".join(f"{zone} on {host}" for host, zone in zones.items())
    for host in hosts:
        for timer in said.get((host, "site_timers")) or []:
            if isinstance(timer, Mapping) and not names_zone(str(timer.get("calendar") or "")):
                wrong = f"has the timer {timer.get('name', '')}, whose calendar names no time zone, and os_timezone is {has}"
                remedy = "Set os_timezone the same for all, or end the calendar with a zone, as in Mon 06:00 Europe/Zurich."
                findings.add(Complaint("site_timers", wrong, remedy))
        return


def check_signed_source(inventory: Inventory, findings: Findings) -> None:
    """Refuse to ask a folder for signatures."""
    folders = {setting.host for setting in inventory.by_name("site_source") if str(setting.value).startswith("/")}
    for setting in inventory.by_name("site_source_signing_keys"):
        if setting.value and setting.host in folders:
            wrong = "is set, but site_source is a folder of this machine, which nobody signs"
            findings.add(
                Complaint(setting.name, wrong, "Write the address of its git repository there, or remove the keys."),
                setting.place,
                [setting.host],
            )


def check_heartbeats(inventory: Inventory, findings: Findings) -> None:
    """Refuse a sign of life that several hosts give: one of them would go on giving it for one that is dead."""
    hosts: dict[str, list[str]] = {}
    for setting in inventory.by_name("site_heartbeat_url"):
        if setting.value and setting.host in inventory.hosts:
            hosts.setdefault(str(setting.value), []).append(setting.host)
    for several in hosts.values():
        if len(several) > 1:
            wrong = "is the same page for several hosts, so that nobody notices when one of them falls silent"
            remedy = "Give each host a page of its own, for example with {{ inventory_hostname }} in it."
            findings.add(Complaint("site_heartbeat_url", wrong, remedy), hosts=several)


def check_challenge(inventory: Inventory, findings: Findings) -> None:
    """Refuse a challenge that nothing can answer, and means of answering one that isn't used."""
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings}
    balancers = inventory.groups.get("lb", [])
    for host in balancers:
        means = [name for name in ("site_acme_dns_plugin", "site_acme_dns_hook_path") if said.get((host, name))]
        if said.get((host, "site_acme_challenge"), "http") == "dns":
            if len(means) != 1:
                named = "two ways are named" if means else "nothing says how"
                wrong = f"is dns, and {named} to change the zone"
                remedy = "Set either site_acme_dns_plugin or site_acme_dns_hook_path."
                findings.add(Complaint("site_acme_challenge", wrong, remedy), hosts=[host])
        else:
            for name in means:
                remedy = "Set site_acme_challenge: dns, or remove the line."
                findings.add(Complaint(name, "is not used, since site_acme_challenge is http", remedy), hosts=[host])
            by_acme = said.get((host, "site_tls_mode"), "acme") == "acme"
            if by_acme and len(balancers) > 1 and _true(said.get((host, "nginx_proxy_protocol_enabled"))):
                # nginx speaks the PROXY protocol to nobody whom it asks for a page, so balancers can't ask each other.
                wrong = "is http, and with the PROXY protocol balancers can't answer an authority for one another"
                findings.add(Complaint("site_acme_challenge", wrong, "Set site_acme_challenge: dns."), hosts=[host])


def _true(value: Any) -> bool:
    return str(value).lower() in ("true", "yes", "on", "1")
