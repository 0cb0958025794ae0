# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of networks, ports, and of addresses that move."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

LAST_PORT = 65535


def check_networks(value: Any) -> Iterator[Finding]:
    """Refuse elements that are neither addresses nor networks."""
    for address in value:
        try:
            ipaddress.ip_network(str(address), strict=False)
        except ValueError:
            yield (f'"{address}" is neither an address nor a network', "Write for example 203.0.113.7 or 203.0.113.0/24.")


def check_allowed(value: Any) -> Iterator[Finding]:
    """Refuse what a firewall can't let in."""
    for flow in value:
        yield from check_networks(flow.get("sources") or [])
        if not flow.get("sources"):
            yield (f"port {flow.get('port')} names nobody who may reach it", 'Write sources; ["0.0.0.0/0", "::/0"] is everybody.')
        first, _dash, last = str(flow.get("port")).partition("-")
        if not all(part.isdecimal() and int(part) <= LAST_PORT for part in (first, last or first)):
            yield (f'"{flow.get("port")}" is no port', "Write a number from 1 to 65535, or a range such as 6000-6010.")


def check_not_nobody(value: Any) -> Iterator[Finding]:
    """Refuse a list of networks that has none."""
    yield from check_networks(value)
    if not value:
        yield ("is empty, so that nobody could log in", "Write the networks of your operators, or remove the line for anywhere.")


def check_virtual_addresses(value: Any) -> Iterator[Finding]:
    """Refuse elements that are not addresses with the size of their network."""
    for address in value:
        try:
            known = ipaddress.ip_interface(str(address))
        except ValueError:
            yield (f'"{address}" is not an address', "Write for example 192.0.2.10/24.")
            continue
        if "/" not in str(address):
            yield (
                f'"{address}" does not say how large its network is',
                f"Write for example {address}/{24 if known.version == 4 else 64}.",
            )
