# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of networks, ports, and of addresses that move."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.domains import check_address
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

LAST_PORT = 65535
SERVER = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]+))?")


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


def check_server(value: Any) -> Iterator[Finding]:
    """Refuse what is neither the address of a server nor one with a port."""
    text = str(value)
    if not text:
        return
    found = SERVER.fullmatch(text)
    if text.count(":") > 1 and (found is None or not text.startswith("[")):
        yield (f'"{text}" has no brackets, which an address of IPv6 has here', "Write for example [2001:db8::7]:5432.")
    elif found is None:
        yield (f'"{text}" is not the address of a server', "Write for example db.example.net or db.example.net:5433.")
    elif found["port"] and not 0 < int(found["port"]) <= LAST_PORT:
        yield (f'"{text}" has no port from 1 to 65535', "Write for example db.example.net:5433.")
    else:
        yield from check_address(found["host"].strip("[]"))


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
