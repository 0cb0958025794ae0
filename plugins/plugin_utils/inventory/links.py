# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a row of the table of links means for one host: where it listens, whom it lets in, whom it asks, what proves who it is.

Whether both ends of a link are the same host is worked out here and nowhere else. A row is read no further than a question needs,
since Ansible works out each value of it when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

# Ends that are no tier: whoever visits the site, and the machine that runs Ansible. `all` is every host of every tier.
WORLD, CONTROLLER, ALL = "world", "controller", "all"
EVERYBODY = ["0.0.0.0/0", "::/0"]
LOOPBACK = "127.0.0.1"
KEYS = ("from", "to", "port", "protocol", "tls", "wanted", "certificates", "why")

Peer = Mapping[str, Any]
Tiers = Mapping[str, Sequence[Peer]]

# Where a question has the same answer for every host.
NOBODY: Peer = {"name": "", "address": ""}


class Link:
    """A row of the table, who talks to whom, as one host sees it.

    :param row: what the table says.
    :param tiers: the hosts of each tier, each with its name and address.
    :param here: the name and the address of the host.
    """

    def __init__(self, row: Mapping[str, Any], tiers: Tiers, here: Peer) -> None:
        if unknown := [key for key in row if key not in KEYS]:
            raise Trouble(f"A link has no {', '.join(unknown)}. It has {', '.join(KEYS)}.")
        self._row = row
        self._here = here
        self.source, self.target = str(row["from"]), str(row["to"])
        self.clients = members(self.source, tiers)
        self.servers = members(self.target, tiers)
        self._lacks_an_end = any(end in tiers and not tiers[end] for end in (self.source, self.target))

    def for_roles(self) -> dict[str, Any]:
        """Return what roles are fed."""
        return {
            "from": self.source,
            "to": self.target,
            "local": self.local,
            "used": self.used,
            "tls": self.used and self.wants_tls,
            "clients": [{"address": address} for address in addresses_of(self.clients)] if self.used else [],
            "accepted": addresses_of(self.clients) if self.used else [],
            "peers": self._others() if self.used else [],
            "listen": str(self._here["address"]) if self.used else "",
            "bind": f"{bracketed(str(self._here['address']))}:{self.port}" if self.used and self._is_server else "",
            "names": unique([str(self._here["name"]), str(self._here["address"])]) if self.used else [],
        }

    def as_flow(self) -> dict[str, Any]:
        """Return what goes over the network, and what it asks of the host."""
        return {
            "from": self.source,
            "to": self.target,
            "port": self.port,
            "protocol": str(self._row.get("protocol", "tcp")),
            "why": str(self._row["why"]),
            "servers": [str(peer["name"]) for peer in self.servers],
            "sources": self._sources(),
            "certificates": self._certificates(),
        }

    @cached_property
    def local(self) -> bool:
        """Whether both ends are one and the same host, so that nothing goes over the network."""
        return bool(self.clients and self.servers) and len({peer["name"] for peer in (*self.clients, *self.servers)}) == 1

    @cached_property
    def used(self) -> bool:
        """Whether anything goes over the network; nothing does where a tier at one end has no host."""
        has_ends = self.source and self.target and not self._lacks_an_end
        return bool(has_ends and not self.local and boolean(self._row.get("wanted", True)))

    @property
    def wants_tls(self) -> bool:
        """Whether both ends prove who they are, when they are different hosts."""
        return bool(boolean(self._row.get("tls", False)))

    @cached_property
    def port(self) -> int:
        """Where the servers listen; 0 for a protocol without ports."""
        return int(self._row.get("port", 0))

    @property
    def endpoint(self) -> str:
        """Where a client asks: the first server, which outside is the end itself."""
        return LOOPBACK if self.local else next(iter(addresses_of(self.servers)), self.target)

    @property
    def _is_client(self) -> bool:
        return self._here["name"] == self.source or self._is_among(self.clients)

    @property
    def _is_server(self) -> bool:
        return self._here["name"] == self.target or self._is_among(self.servers)

    def _is_among(self, peers: Iterable[Peer]) -> bool:
        return any(peer["name"] == self._here["name"] for peer in peers)

    def _others(self) -> list[str]:
        """Return the addresses of the clients, without that of the host itself."""
        return others(self.clients, self._here)

    def _sources(self) -> list[str]:
        """Return the addresses that the host has to let in; of the controller none, since no inventory says where it stands."""
        if self.source == CONTROLLER or not self._is_server:
            return []
        return list(EVERYBODY) if self.source == WORLD else self._others()

    def _certificates(self) -> list[str]:
        """Return the folders of the certificates by which the host proves itself to the other end."""
        if not self.wants_tls:
            return []
        folders = self._row.get("certificates", {})
        ends = {"from": self._is_client, "to": self._is_server}
        return [str(folders[end]) for end, stands_here in ends.items() if stands_here and end in folders]


def flows(table: Mapping[str, Mapping[str, Any]], tiers: Tiers, here: Peer) -> list[dict[str, Any]]:
    """Return what goes over the network, of all rows of the table, in their order."""
    links = (Link(row, tiers, here) for row in table.values())
    return [link.as_flow() for link in links if link.used]


def members(end: str, tiers: Tiers) -> Sequence[Peer]:
    """Return the hosts at one end of a link: those of a tier, all of them, or one by its name; none where it lies outside."""
    if end in tiers:
        return tiers[end]
    everyone = {str(peer["name"]): peer for peers in tiers.values() for peer in peers}
    if end == ALL:
        return list(everyone.values())
    return [everyone[end]] if end in everyone else []


def others(peers: Iterable[Peer], here: Peer) -> list[str]:
    """Return the addresses of hosts, without that of one of them."""
    return unique(addresses_of(peer for peer in peers if peer["name"] != here["name"]))


def addresses_of(peers: Iterable[Peer]) -> list[str]:
    """Return the addresses of hosts."""
    return [str(peer["address"]) for peer in peers]


def bracketed(address: str) -> str:
    """Return an address as it stands before a port: IPv6 in brackets."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def unique(texts: Iterable[str]) -> list[str]:
    """Return texts without repetitions, in their order."""
    return list(dict.fromkeys(texts))
