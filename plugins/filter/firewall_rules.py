# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Flows as nftables matches them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from ansible.errors import AnsibleFilterError

# By number: a small system has no /etc/protocols.
WITHOUT_PORTS = {"vrrp": "meta l4proto 112", "any": ""}
PORTS = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
COMMENT_LONGEST = 100


def firewall_rules(flows: Iterable[Mapping[str, Any]], found: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return a rule for each flow and each network that it comes from: rules of single hosts can come and go by themselves.

    :param found: for each source that is a name, the addresses that the host finds for it, as `getent ahosts` prints them.
    """
    return [
        {"match": f"{sources} {traffic(flow)}".strip(), "why": comment(str(flow["why"]))}
        for flow in flows
        for sources in matches(flow["sources"], found or {})
    ]


def traffic(flow: Mapping[str, Any]) -> str:
    """Return the expression that matches the packets of a flow, whoever sends them."""
    protocol, port = str(flow.get("protocol", "tcp")), str(flow["port"])
    if protocol in WITHOUT_PORTS:
        return WITHOUT_PORTS[protocol]
    if protocol not in ("tcp", "udp") or not PORTS.fullmatch(port):
        raise AnsibleFilterError(f'"{port}" of the protocol "{protocol}" is nothing that a firewall can let in ({flow["why"]}).')
    return f"{protocol} dport {port}"


def matches(sources: Iterable[Any], found: Mapping[str, str]) -> Iterator[str]:
    """Yield an expression for each source, without those that another one covers; one for everybody."""
    networks = [network for source in sources for network in networks_of(str(source), found)]
    old = list(collapse_addresses(network for network in networks if isinstance(network, IPv4Network)))
    new = list(collapse_addresses(network for network in networks if isinstance(network, IPv6Network)))
    everybody = [any(network.prefixlen == 0 for network in family) for family in (old, new)]
    if all(everybody):
        yield ""
        return
    for name, keyword, family, whole in (("ipv4", "ip", old, everybody[0]), ("ipv6", "ip6", new, everybody[1])):
        if whole:
            yield f"meta nfproto {name}"
        else:
            yield from (f"{keyword} saddr {shown(network)}" for network in family)


def networks_of(source: str, found: Mapping[str, str]) -> list[IPv4Network | IPv6Network]:
    """Return the networks that a source stands for."""
    if source not in found:
        return [network(source)]
    addresses = sorted({line.split()[0] for line in found[source].splitlines() if line.strip()})
    if not addresses:
        raise AnsibleFilterError(
            f'The firewall is to let in "{source}", and this host finds no address for that name. '
            "Set private_address of that host to its address."
        )
    return [network(address) for address in addresses]


def network(text: str) -> IPv4Network | IPv6Network:
    """Return a network, or the one of a single address."""
    try:
        return ip_network(text.strip("[]").partition("%")[0], strict=False)
    except ValueError as error:
        raise AnsibleFilterError(f'The firewall is to let in "{text}", which is neither an address nor a network.') from error


def shown(network: IPv4Network | IPv6Network) -> str:
    """Return a network, without the length of its prefix where it is one address."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def comment(text: str) -> str:
    """Return a text that may stand between quotation marks, and that nftables takes."""
    return re.sub(r"[^\w .,:;()/+-]", "", text).encode()[:COMMENT_LONGEST].decode(errors="ignore")


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"firewall_rules": firewall_rules}
