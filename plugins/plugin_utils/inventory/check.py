# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that can be wrong with an inventory, found without touching a host."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory import own_certificate, virtual_addresses
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import (
    Complaint,
    Option,
    check_value,
    nearest,
    shown,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import utc_now

TIERS = {
    "lb": "receives the visitors",
    "app": "runs the project",
    "db": "keeps the database",
}
# What people call these tiers elsewhere.
TIER_SYNONYMS = {
    "lb": (
        "balancer",
        "balancers",
        "loadbalancer",
        "loadbalancers",
        "load_balancer",
        "load_balancers",
        "proxy",
        "nginx",
        "frontend",
        "web",
    ),
    "app": (
        "application",
        "applications",
        "appserver",
        "appservers",
        "app_servers",
        "django",
        "backend",
        "web",
        "webservers",
        "webserver",
    ),
    "db": ("database", "databases", "dbserver", "dbservers", "db_servers", "postgres", "postgresql", "sql"),
}
PEER_ADDRESS = Option("private_address")
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
    "site_database_name",
    "site_database_user",
    "site_database_password",
)
# Said for single application hosts.
OF_ONE_APP_HOST = ("site_app_weight", "site_app_backup", "site_app_drained")
# So like one of ours that it can't be chance, although it begins differently.
LIKENESS_OF_A_SLIP = 0.9
HOSTS_SHOWN = 3


@dataclass(frozen=True)
class Setting:
    """A variable as the inventory sets it for a host."""

    host: str
    name: str
    value: Any = None
    place: str | None = None
    # Why the value can't be worked out, when it can't.
    broken: str | None = None
    # Kept in a vault, so that no message may show it.
    encrypted: bool = False
    # The names of its parts that are secrets, and that the inventory shows to whoever reads it.
    plain_secrets: tuple[str, ...] = ()
    # As it was written, where that matters besides the value.
    written: str = ""


@dataclass(frozen=True)
class Rules:
    """What may be set, as specs and wiring say."""

    options: Mapping[str, Option]
    prefixes: tuple[str, ...]
    # A derived variable, and the variables that it is derived from.
    derived: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every name that an inventory may set."""
        return [name for name in self.options if name not in self.derived] + [PEER_ADDRESS.name]


@dataclass(frozen=True)
class Inventory:
    """Groups, hosts and what is set for them."""

    groups: Mapping[str, list[str]]
    settings: list[Setting]
    # Everything else that hosts have been given, by name alone.
    foreign: list[Setting] = field(default_factory=list)
    # The folder of the inventory that names a host.
    folders: Mapping[str, str | None] = field(default_factory=dict)
    # Where its peers reach each host; empty when that can't be worked out.
    addresses: Mapping[str, str] = field(default_factory=dict)
    # How a file on this machine is read, one in a vault too.
    read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8")

    @property
    def hosts(self) -> list[str]:
        """All hosts, in inventory order."""
        return list(self.groups.get("all", []))

    def by_name(self, name: str) -> list[Setting]:
        """Return where one variable is set."""
        return [setting for setting in self.settings if setting.name == name]


@dataclass
class Findings:
    """Problems, each said once with all the hosts that have it."""

    hosts: list[str]
    _found: dict[tuple[str, str | None, str, str], list[str]] = field(default_factory=dict)

    def add(self, complaint: Complaint, place: str | None = None, hosts: Iterable[str] = ()) -> None:
        """Keep a complaint."""
        key = (complaint.subject, place, complaint.wrong, complaint.remedy)
        self._found.setdefault(key, []).extend(hosts)

    def lines(self) -> list[str]:
        """Return a line for each problem."""
        return [self._line(*key, sorted(set(hosts), key=hosts.index)) for key, hosts in self._found.items()]

    def _line(self, subject: str, place: str | None, wrong: str, remedy: str, hosts: list[str]) -> str:
        where = ", ".join(part for part in (place, hosts_shown(hosts, self.hosts)) if part)
        return f"{subject}{f' ({where})' if where else ''}: {wrong}. {remedy}"


def hosts_shown(hosts: list[str], everyone: list[str]) -> str:
    """Return some hosts as a message names them."""
    if not hosts:
        return ""
    if len(everyone) > 1 and len(hosts) == len(everyone):
        return "all hosts"
    rest = len(hosts) - HOSTS_SHOWN
    return ", ".join(hosts[:HOSTS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def check_inventory(inventory: Inventory, rules: Rules) -> list[str]:
    """Return a line for each problem of an inventory, the most basic ones first."""
    findings = Findings(inventory.hosts)
    for complaint in check_tiers(inventory.groups):
        findings.add(complaint)
    _check_required(inventory, rules, findings)
    _check_names(inventory, rules, findings)
    _check_values(inventory, rules, findings)
    _check_agreement(inventory, rules, findings)
    _check_environment(inventory, findings)
    _check_fleet(inventory, findings)
    _check_virtual_addresses(inventory, findings)
    _check_certificate(inventory, findings)
    _check_source(inventory, findings)
    _check_challenge(inventory, findings)
    _check_folders(inventory, findings)
    return findings.lines()


def warn_inventory(inventory: Inventory, rules: Rules) -> list[str]:
    """Return a line for each secret that an inventory shows to whoever reads it."""
    findings = Findings(inventory.hosts)
    for setting in inventory.settings:
        for name in setting.plain_secrets if setting.name not in rules.derived else ():
            last = name.split(".")[-1]
            remedy = f"Encrypt it with ansible-vault encrypt_string --name {last}, or take it from a store with a lookup."
            findings.add(Complaint(name, "is a secret in plain text", remedy), setting.place, [setting.host])
    return findings.lines()


def check_tiers(groups: Mapping[str, list[str]]) -> Iterator[Complaint]:
    """Yield what is wrong with the tiers: empty ones, misspelt ones, hosts in none."""
    placed = {host for tier in TIERS for host in groups.get(tier, [])}
    for tier, purpose in TIERS.items():
        if not groups.get(tier):
            yield Complaint(f"group {tier}", f"has no host, so nothing {purpose}", _tier_remedy(tier, groups))
    if len(groups.get("db", [])) > 1:
        yield Complaint("group db", f"has {len(groups['db'])} hosts, but the site has one database", "Leave one host in it.")
    stray = [host for host in groups.get("all", []) if host not in placed]
    for host in stray:
        own = [group for group in groups if group not in ("all", "ungrouped") and host in groups[group]]
        meant = next((tier for tier in TIERS for group in own if _means(group, tier)), None)
        if own:
            remedy = f"Did you mean the group {meant}?" if meant else f"Put it into {_tiers()}, or take it out of this inventory."
            yield Complaint(f"host {host}", f"is in no tier, only in {', '.join(own)}", remedy)
        else:
            yield Complaint(f"host {host}", "is in no group", f"Put it into {_tiers()}, or take it out of this inventory.")


def _tier_remedy(tier: str, groups: Mapping[str, list[str]]) -> str:
    alike = next((group for group in groups if group not in TIERS and _means(group, tier)), None)
    if alike:
        return f"Did you mean {tier} where the inventory says {alike}?"
    return f"Put a host into the group {tier}; a single server is in {', '.join(TIERS)} alike."


def _means(group: str, tier: str) -> bool:
    """Tell whether somebody who wrote this group probably meant that tier."""
    return group in TIER_SYNONYMS[tier] or nearest(group.lower().rstrip("s"), [tier], 0.6) is not None


def _tiers() -> str:
    *first, last = TIERS
    return f"{', '.join(first)} or {last}"


def _check_required(inventory: Inventory, rules: Rules, findings: Findings) -> None:
    for name, option in rules.options.items():
        if not option.required or not name.startswith("site_"):
            continue
        given = {setting.host for setting in inventory.by_name(name)}
        missing = [host for host in inventory.hosts if host not in given]
        if missing:
            findings.add(Complaint(name, "is not set", "Set it for all hosts, for example in group_vars/all.yml."), hosts=missing)


def _check_names(inventory: Inventory, rules: Rules, findings: Findings) -> None:
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


def _foreign_patterns(inventory: Inventory) -> set[str]:
    patterns: set[str] = set()
    for setting in inventory.by_name("site_foreign_variables"):
        if isinstance(setting.value, (list, tuple)):
            patterns.update(str(pattern) for pattern in setting.value)
    return patterns


def _derived_remedy(sources: list[str]) -> str:
    return f"Set {' or '.join(sources)} instead." if sources else "Remove it: groups and private_address say it already."


def _check_values(inventory: Inventory, rules: Rules, findings: Findings) -> None:
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


def _check_agreement(inventory: Inventory, rules: Rules, findings: Findings) -> None:
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


def _check_environment(inventory: Inventory, findings: Findings) -> None:
    """Refuse a project that would log in as the owner of the database when the owner's password has been replaced."""
    for setting in inventory.by_name("site_env"):
        if re.search(r"\bsite_database_user\b", setting.written):
            wrong = "names site_database_user, which owns the database, but may not be the account that has the present password"
            findings.add(Complaint("site_env", wrong, "Write site_database_login."), setting.place, [setting.host])


def _check_fleet(inventory: Inventory, findings: Findings) -> None:
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


def _check_virtual_addresses(inventory: Inventory, findings: Findings) -> None:
    """Refuse addresses that these balancers could not pass on among them."""
    balancers = {host: inventory.addresses[host] for host in inventory.groups.get("lb", []) if host in inventory.addresses}
    for setting in inventory.by_name(virtual_addresses.NAME):
        if setting.host in balancers and isinstance(setting.value, (list, tuple)) and setting.value:
            addresses = [str(address) for address in setting.value]
            for complaint, hosts in virtual_addresses.complaints(addresses, balancers):
                findings.add(complaint, hosts=hosts)
            return


def _check_certificate(inventory: Inventory, findings: Findings) -> None:
    """Refuse a certificate of the operator's own that visitors could not be shown."""
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings if setting.broken is None}
    known: dict[tuple[str, str, tuple[str, ...]], list[Complaint]] = {}
    for host in inventory.hosts:
        if said.get((host, "site_tls_mode")) != "own":
            continue
        certificate, key = (str(said.get((host, name)) or "") for name in (own_certificate.CERTIFICATE, own_certificate.KEY))
        names = tuple(str(name) for name in (said.get((host, "site_domain")), *(said.get((host, "site_aliases")) or ())) if name)
        case = (certificate, key, names)
        if case not in known:
            known[case] = list(_certificate_complaints(certificate, key, names, inventory.read))
        for complaint in known[case]:
            findings.add(complaint, hosts=[host])


def _certificate_complaints(certificate: str, key: str, names: Iterable[str], read: Callable[[str], str]) -> Iterator[Complaint]:
    texts = []
    for name, value in ((own_certificate.CERTIFICATE, certificate), (own_certificate.KEY, key)):
        if not value:
            yield Complaint(name, "is not set, and site_tls_mode is own", own_certificate.FROM_FILE)
            return
        try:
            texts.append(read(value) if value.startswith("/") else value)
        except (OSError, AnsibleError) as error:
            yield Complaint(name, f"can't be read: {reason(error)}", own_certificate.FROM_FILE)
            return
    yield from own_certificate.complaints(texts[0], texts[1], names, utc_now())


def reason(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).splitlines()[0].rstrip(".")


def _check_source(inventory: Inventory, findings: Findings) -> None:
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


def _check_challenge(inventory: Inventory, findings: Findings) -> None:
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


def _check_folders(inventory: Inventory, findings: Findings) -> None:
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


def sources(name: str, wiring: Mapping[str, Any], settable: Collection[str]) -> list[str]:
    """Return the settable variables from which the wiring works out this one, as directly as it says."""
    expressions = [str(wiring[name])]
    seen = {name}
    while expressions:
        words = set(re.findall(r"\w+", " ".join(expressions)))
        if found := [candidate for candidate in settable if candidate in words]:
            return found
        steps = (words & wiring.keys()) - seen
        seen |= steps
        expressions = [str(wiring[step]) for step in steps]
    return []
