# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Firewalls of others on a host: which of them would refuse what the site lets in, since a packet has to pass them all."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding, read
from ansible_collections.hotclub.django.plugins.module_utils.machine.listeners import admitted

UFW = Path("/etc/ufw")
UFW_DEFAULTS = Path("/etc/default/ufw")
UFW_RULE = re.compile(r"^### tuple ### (?:allow|limit)\S* (?P<protocol>tcp|udp|any) (?P<ports>\S+) ", re.MULTILINE)
LEGACY_TABLES = Path("/proc/net/ip_tables_names")
PATH = "/usr/sbin:/sbin"
RULE = "add rule "
Port = tuple[str, int]


def other_firewalls(run: Run, rules: str) -> Iterator[Finding]:
    """Yield the chains of others that refuse what they have no rule for, which goes for what the site lets in, too."""
    is_ufw = "ENABLED=yes" in read(UFW / "ufw.conf") and 'DEFAULT_INPUT_POLICY="ACCEPT"' not in read(UFW_DEFAULTS)
    if is_ufw:
        yield _ufw(read(UFW / "user.rules"), rules)
    chains = refusing_chains(run)
    others = [chain for chain in chains if not (is_ufw and re.match(r"ip6? filter INPUT$", chain))]
    if others:
        ports = ", ".join(f"{port}/{protocol}" for protocol, port in _needed(rules))
        yield Finding(
            f"Another firewall refuses what it has no rule for ({', '.join(others)}). A packet would have to pass both.",
            f"Let it admit what the site needs ({ports}), or switch it off: the site's rules are a firewall of their own. "
            "To keep it as the only one: site_firewall_enabled: false.",
        )


def _ufw(own: str, rules: str) -> Finding:
    closed = [f"{port}/{protocol}" for protocol, port in _needed(rules) if not _is_open(own, protocol, port)]
    if closed:
        return Finding(
            f"ufw is active and lets nobody in at {', '.join(closed)}, which the site needs. A packet has to pass both.",
            f"On the host: {'; '.join(f'ufw allow {port}' for port in closed)}. Or switch it off, since the site's rules are a "
            "firewall of their own: ufw disable. To keep ufw as the only one: site_firewall_enabled: false.",
            refused=True,
        )
    return Finding(
        "ufw is active and stays as it is. A packet would have to pass both firewalls.",
        "Nothing to do while ufw has rules for the site's ports, as it has now. To have one firewall: ufw disable, "
        "or site_firewall_enabled: false.",
    )


def _needed(rules: str) -> list[Port]:
    """Return what the site lets in; answers of DHCP and the like, which are not rules of a site, any firewall knows."""
    of_the_site = "\n".join(line for line in rules.splitlines() if line.startswith(RULE))
    return sorted({(protocol, ports.start) for protocol, ports in admitted(of_the_site)}, key=lambda item: item[1])


def _is_open(own: str, protocol: str, port: int) -> bool:
    return any(
        rule["protocol"] in (protocol, "any") and (rule["ports"] == "any" or any(port in span for span in _spans(rule["ports"])))
        for rule in UFW_RULE.finditer(own)
    )


def _spans(ports: str) -> Iterator[range]:
    """Yield the ports of a rule of ufw: 80,443 or 6000:6010."""
    for part in ports.split(","):
        first, _colon, last = part.partition(":")
        if first.isdigit():
            yield range(int(first), int(last or first) + 1)


def refusing_chains(run: Run) -> list[str]:
    """Return the chains of others that see what comes to this host, and refuse what no rule of theirs lets in."""
    found: list[str] = []
    if shutil.which("nft", path=PATH):
        listed = run(["nft", "--json", "--terse", "list", "ruleset"])
        found += [] if listed.code else list(_in_nftables(json.loads(listed.stdout)["nftables"]))
    kinds = ["legacy"] if read(LEGACY_TABLES).strip() else []
    for program in ("iptables", "ip6tables"):
        for name in [f"{program}-{kind}" for kind in kinds] or ([] if found else [program]):
            if shutil.which(name, path=PATH) and _refuses(run([name, "-S", "INPUT"]).stdout):
                found.append(f"{'ip' if program == 'iptables' else 'ip6'} filter INPUT")
    return sorted(set(found))


def _in_nftables(listing: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    last: dict[tuple[str, ...], Any] = {}
    chains: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for item in listing:
        if "chain" in item and item["chain"].get("hook") == "input" and item["chain"].get("type") == "filter":
            chains[_place(item["chain"], "name")] = item["chain"]
        elif "rule" in item:
            last[_place(item["rule"], "chain")] = item["rule"]["expr"]
    for place, chain in chains.items():
        words = [name for part in last.get(place, []) for name in part if name != "counter"]
        if place[1] != "hotclub" and (chain.get("policy") == "drop" or words in (["drop"], ["reject"])):
            yield " ".join(place)


def _place(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return item["family"], item["table"], item[name]


def _refuses(rules: str) -> bool:
    lines = rules.split("\n")
    return "-P INPUT DROP" in lines or any(re.match(r"-A INPUT -j (DROP|REJECT)\b", line) for line in lines)
