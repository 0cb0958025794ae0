# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of domain names, and of the addresses of hosts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def check_domain(value: Any) -> Iterator[Finding]:
    """Refuse what is not a plain domain name."""
    if address := address_of(str(value)):
        yield (f'"{address}" is an address', "Write a domain name here, and the address in site_aliases.")
    else:
        yield from _check_host(str(value))


def check_domain_or_nothing(value: Any) -> Iterator[Finding]:
    """Refuse what is something, and no plain domain name."""
    if value:
        yield from check_domain(value)


def check_aliases(value: Any) -> Iterator[Finding]:
    """Refuse elements that are neither domain names nor addresses."""
    for alias in value:
        if not address_of(str(alias)):
            yield from _check_host(str(alias))


def check_address(value: Any) -> Iterator[Finding]:
    """Refuse what can't be the address of a host."""
    if not address_of(str(value)):
        yield from _check_host(str(value))


def check_addresses(value: Any) -> Iterator[Finding]:
    """Refuse elements that can't be addresses of hosts."""
    for address in value:
        yield from check_address(address)


def address_of(text: str) -> str | None:
    """Return the address that a text is, if it is one."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return None


def _check_host(text: str) -> Iterator[Finding]:
    """Refuse what is not a domain name, and say which part of it is one."""
    if is_domain(text):
        return
    bare = _bare_domain(text)
    remedy = f"Write {bare}." if bare else "Write a domain name such as www.example.org."
    if not text:
        yield ("is empty", remedy)
    elif "://" in text or "/" in text:
        yield (f'"{text}" is an address of a page: a domain has neither scheme nor path', remedy)
    elif re.search(r":\d+$", text):
        yield (f'"{text}" has a port', remedy)
    elif "*" in text or text.startswith("."):
        yield (f'"{text}" stands for many names', "Write each name by itself.")
    else:
        yield (f'"{text}" is not a domain name', remedy)


def is_domain(text: str) -> bool:
    """Say whether a text is a domain name."""
    return len(text) <= 253 and all(LABEL.fullmatch(label) for label in text.split(".")) and not text.split(".")[-1].isdigit()


def _bare_domain(text: str) -> str | None:
    """Return the domain name that was probably meant."""
    bare = re.sub(r"^[a-z+]*:?//", "", text.strip().lower())
    bare = re.sub(r"^[^@/]*@", "", bare)
    bare = re.sub(r"[:/?#].*$", "", bare).strip(".")
    try:
        bare = bare.encode("idna").decode()
    except UnicodeError:
        return None
    return bare if "." in bare and is_domain(bare) else None


def check_email(value: Any) -> Iterator[Finding]:
    """Refuse what no authority would take as an address."""
    address = str(value)
    name, _at, domain = address.rpartition("@")
    if address and not (re.fullmatch(r"[^\s@,;<>]+", name) and "." in domain and is_domain(domain.lower())):
        yield (f'"{address}" is not an e-mail address', "Write one such as webmaster@example.org, or remove the line.")
