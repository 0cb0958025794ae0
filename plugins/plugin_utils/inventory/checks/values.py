# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the names and values of variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings, hosts_shown
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import PEER_ADDRESS, Inventory, Rules, Setting
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import (
    Complaint,
    Option,
    check_value,
    nearest,
    shown,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES

# Tiers that run on different hosts must agree on these.
SHARED = (
    "site_name",
    "site_domain",
    "site_aliases",
    "site_source",
    "site_version",
    "site_secrets_path",
    "site_authority_path",
    "site_database_authority_path",
    "site_app_tls_enabled",
    "site_secret_key",
    "site_authority_path",
    "site_authority_passphrase",
    "site_tls_mode",
    "site_tls_certificate",
    "site_tls_certificate_key",
    "site_database_server",
    "site_database_tls_mode",
    "site_database_ca_path",
    "site_database_name",
    "site_database_user",
    "site_database_password",
)
# Where Ansible puts those words after -e that stand in no name=value.
WITHOUT_A_NAME = "_raw_params"
# So like one of ours that it can't be chance, although it begins differently.
LIKENESS_OF_A_SLIP = 0.9


def check_required(inventory: Inventory, rules: Rules, findings: Findings) -> None:
    for name, option in rules.options.items():
        if not option.required or not name.startswith("site_"):
            continue
        given = {setting.host for setting in inventory.by_name(name)}
        missing = [host for host in inventory.hosts if host not in given]
        if missing:
            findings.add(Complaint(name, "is not set", "Set it for all hosts, for example in group_vars/all.yml."), hosts=missing)


def check_names(inventory: Inventory, rules: Rules, findings: Findings) -> None:
    """Refuse names that nothing reads, since they are probably misspelt, and names that are worked out."""
    foreign = _foreign_patterns(inventory)
    for setting in inventory.settings:
        name = setting.name
        if name in rules.derived:
            findings.add(
                Complaint(name, "is worked out from the inventory and can't be set", _derived_remedy(rules.derived[name])),
                setting.place,
                [setting.host],
            )
        elif (
            name not in rules.options and name != PEER_ADDRESS.name and not any(fnmatchcase(name, pattern) for pattern in foreign)
        ):
            near = nearest(name, rules.names)
            remedy = (
                f"Did you mean {near}?" if near else "Remove it; if another role reads it, list it in site_foreign_variables."
            )
            findings.add(Complaint(name, "there is no such variable", remedy), setting.place, [setting.host])
    meant = {name: nearest(name, rules.names, LIKENESS_OF_A_SLIP) for name in {setting.name for setting in inventory.foreign}}
    for setting in inventory.foreign:
        near = meant[setting.name]
        if near and not any(fnmatchcase(setting.name, pattern) for pattern in foreign):
            remedy = f"Did you mean {near}? If not, list it in site_foreign_variables."
            findings.add(Complaint(setting.name, "nothing reads this variable", remedy), setting.place, [setting.host])


def check_leftover_words(inventory: Inventory, findings: Findings) -> None:
    """Refuse a value on the command line of which only the first word would count."""
    for setting in inventory.foreign:
        if setting.name == WITHOUT_A_NAME:
            findings.add(
                Complaint(
                    "the command line",
                    "what comes behind a space in a value after -e belongs to no variable, and would be left out",
                    "Put the value into quotes of its own, inside those of the shell: "
                    "-e 'manage_command=\"createsuperuser --noinput\"'.",
                )
            )


def _foreign_patterns(inventory: Inventory) -> set[str]:
    patterns: set[str] = set()
    for setting in inventory.by_name("site_foreign_variables"):
        if isinstance(setting.value, (list, tuple)):
            patterns.update(str(pattern) for pattern in setting.value)
    return patterns


def _derived_remedy(sources: list[str]) -> str:
    return f"Set {' or '.join(sources)} instead." if sources else "Remove it: groups and private_address say it already."


def check_values(inventory: Inventory, rules: Rules, findings: Findings) -> None:
    known: dict[tuple[str, int], list[Complaint]] = {}
    for setting in inventory.settings:
        option = PEER_ADDRESS if setting.name == PEER_ADDRESS.name else rules.options.get(setting.name)
        if option is None or setting.name in rules.derived:
            continue
        key = (setting.name, id(setting.value))
        if setting.broken is not None:
            complaints = [
                Complaint(
                    setting.name, f"can't be worked out: {setting.broken}", "Correct the expression, or define what it names."
                )
            ]
        elif key in known:
            complaints = known[key]
        else:
            complaints = known[key] = list(_value_complaints(option, setting))
        for complaint in complaints:
            findings.add(complaint, setting.place, [setting.host])


def _value_complaints(option: Option, setting: Setting) -> Iterator[Complaint]:
    complaints = list(check_value(replace(option, secret=option.secret or setting.encrypted), setting.value, option.name))
    yield from complaints
    if not complaints and option.name in RULES:
        for wrong, remedy in RULES[option.name](setting.value):
            if setting.encrypted:
                wrong, remedy = (
                    "the value in the vault is not right",
                    "Correct it there; with an unencrypted value this check says more.",
                )
            yield Complaint(option.name, wrong, remedy)


def check_agreement(inventory: Inventory, rules: Rules, findings: Findings) -> None:
    """Refuse values that differ from host to host although all hosts work on the same site."""
    for name in SHARED:
        settings = [setting for setting in inventory.by_name(name) if setting.broken is None]
        option = rules.options.get(name)
        if not settings or option is None:
            continue
        variants: dict[str, list[Setting]] = {}
        for setting in settings:
            variants.setdefault(repr(setting.value), []).append(setting)
        unset = [host for host in inventory.hosts if host not in {setting.host for setting in inventory.by_name(name)}]
        parts = [
            f"{shown(same[0].value, option)} on {hosts_shown([setting.host for setting in same], [])}"
            for same in variants.values()
        ]
        if unset and not option.required:
            parts.append(f"not set on {hosts_shown(unset, [])}")
        if len(parts) > 1:
            findings.add(
                Complaint(
                    name,
                    f"differs between hosts: {'; '.join(parts)}",
                    "Set it once for all hosts, for example in group_vars/all.yml.",
                )
            )


def check_environment(inventory: Inventory, findings: Findings) -> None:
    """Refuse a project that would log in as the owner of the database when the owner's password has been replaced."""
    for setting in inventory.by_name("site_env"):
        if re.search(r"\bsite_database_user\b", setting.written):
            wrong = "names site_database_user, which owns the database, but may not be the account that has the present password"
            findings.add(Complaint("site_env", wrong, "Write site_database_login."), setting.place, [setting.host])
