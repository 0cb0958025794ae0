# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that can be wrong with an inventory, found without touching a host."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.backups import check_backups, unused_backup_host
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.certificate import check_certificate
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.database import check_managed, is_managed
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.fleet import (
    check_becoming_root,
    check_challenge,
    check_fleet,
    check_heartbeats,
    check_minimum_hosts,
    check_pool,
    check_shared_addresses,
    check_signed_source,
    check_time_zones,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.folders import check_folders
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.references import check_references
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.tiers import check_tiers, remark_strays
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.values import (
    check_agreement,
    check_environment,
    check_leftover_words,
    check_names,
    check_required,
    check_values,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Rules
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint


def check_inventory(inventory: Inventory, rules: Rules) -> list[str]:
    """Return a line for each problem of an inventory, the most basic ones first."""
    findings = Findings(inventory.hosts)
    for complaint in check_tiers(inventory.groups, is_managed(inventory)):
        findings.add(complaint)
    check_leftover_words(inventory, findings)
    check_required(inventory, rules, findings)
    check_names(inventory, rules, findings)
    check_values(inventory, rules, findings)
    check_agreement(inventory, rules, findings)
    check_environment(inventory, findings)
    check_references(inventory, findings)
    check_becoming_root(inventory, findings)
    check_fleet(inventory, findings)
    check_minimum_hosts(inventory, findings)
    check_shared_addresses(inventory, findings)
    check_managed(inventory, findings)
    check_backups(inventory, findings)
    check_pool(inventory, findings)
    check_certificate(inventory, findings)
    check_signed_source(inventory, findings)
    check_heartbeats(inventory, findings)
    check_time_zones(inventory, findings)
    check_challenge(inventory, findings)
    check_folders(inventory, findings)
    return findings.lines()


def warn_inventory(inventory: Inventory, rules: Rules) -> list[str]:
    """Return a line for what may be meant so: secrets that an inventory shows to whoever reads it, and hosts of no tier."""
    findings = Findings(list(inventory.groups.get("all", [])))
    for complaint, hosts in remark_strays(inventory.groups):
        findings.add(complaint, hosts=hosts)
    for complaint in unused_backup_host(inventory):
        findings.add(complaint)
    for setting in inventory.settings:
        for name in setting.plain_secrets if setting.name not in rules.derived else ():
            last = name.split(".")[-1]
            remedy = f"Encrypt it with ansible-vault encrypt_string --name {last}, or take it from a store with a lookup."
            findings.add(Complaint(name, "is a secret in plain text", remedy), setting.place, [setting.host])
    return findings.lines()
