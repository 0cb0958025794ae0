# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs of others that listen on a host: who would be cut off by a firewall, and who holds a port that a service needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding

SOCKET = re.compile(
    r"^(?P<protocol>tcp|udp)\s+\S+\s+\d+\s+\d+\s+(?P<address>\S+):(?P<port>\d+)\s+\S+(?:\s+users:\(\(\"(?P<program>[^\"]+)\")?"
)
LOOPBACK = re.compile(r"^(127\.|\[?::1\]?(%|$)|\[::ffff:127\.)")
# Docker sends what it publishes past the host, to the container. The others ask for addresses and names, and are answered.
UNHARMED = {"docker-proxy", "systemd-network", "systemd-resolve", "dhclient", "dhcpcd", "NetworkManager"}
ADMITTED = re.compile(r"\b(?P<protocol>tcp|udp) dport (?P<first>\d+)(?:-(?P<last>\d+))?")


@dataclass(frozen=True, order=True)
class Listener:
    """A socket that takes what comes to it; without a program where it is the kernel's own."""

    port: int
    protocol: str
    program: str
    is_reachable: bool


def listeners(run: Run) -> list[Listener]:
    """Return all sockets that take what comes to them."""
    shown = run(["ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric", "--processes"]).stdout.splitlines()
    found = (SOCKET.match(line) for line in shown)
    return sorted(
        {
            Listener(int(socket["port"]), socket["protocol"], socket["program"] or "", not LOOPBACK.match(socket["address"]))
            for socket in found
            if socket
        }
    )


def admitted(rules: str) -> Iterator[tuple[str, range]]:
    """Yield what rules of nftables let in, from wherever."""
    for rule in ADMITTED.finditer(rules):
        yield rule["protocol"], range(int(rule["first"]), int(rule["last"] or rule["first"]) + 1)


def cut_off(found: Iterable[Listener], rules: str) -> Iterator[Finding]:
    """Yield what is reached now and would not be with these rules."""
    ways = list(admitted(rules))
    for listener in found:
        let_in = any(listener.protocol == protocol and listener.port in ports for protocol, ports in ways)
        if listener.is_reachable and listener.program not in UNHARMED and not let_in:
            name = listener.program or ("the kernel, as for WireGuard" if listener.protocol == "udp" else "the kernel")
            yield Finding(
                f"Port {listener.port}/{listener.protocol} ({name}) can be reached now, and the firewall would close it.",
                f"To keep it open, add to firewall_allowed: {{port: {listener.port}, protocol: {listener.protocol}, "
                f'sources: ["0.0.0.0/0", "::/0"], why: {listener.program or "what listens there"}}}',
            )


def holders(found: Iterable[Listener], ports: Iterable[int], own: str) -> Iterator[Finding]:
    """Yield programs that hold ports which a service needs to be started.

    :param own: the program of the service.
    """
    for port in ports:
        programs = {item.program or "another program" for item in found if (item.port, item.protocol) == (port, "tcp")} - {own}
        if programs:
            yield Finding(
                f"Port {port}/tcp is held by {' and '.join(sorted(programs))}, and {own} needs it.",
                "Stop that program for good (systemctl disable --now), or have it listen elsewhere.",
                refused=True,
            )
