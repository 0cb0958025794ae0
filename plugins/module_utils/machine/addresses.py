# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Letting the requests under way end before a virtual address leaves a host.

An address that goes takes its connections along: answers that are still to be sent have no sender any more, and their
visitors wait in vain. So new connections are left unanswered for a moment, in which the web server finishes what it has. A
visitor's system asks again after a second (RFC 6298, section 2.1), and then reaches the host that has the address by then.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

TABLE = "hotclub_handover"
# Before the firewall lets anything in.
PRIORITY = -10
# New connections are let in again when the addresses have left, for they may come back; and so long after they should have left.
GUARD_SECONDS = 10
POLL_SECONDS = 0.02


def ruleset(addresses: Iterable[str]) -> str:
    """Return the nftables rules that leave new connections to these addresses unanswered.

    :param addresses: IPv4 and IPv6 addresses, without prefix lengths.
    """
    lines = []
    for version, family in ((4, "ip"), (6, "ip6")):
        if named := sorted(address for address in addresses if ipaddress.ip_address(address).version == version):
            lines.append(f"{family} daddr {{ {', '.join(named)} }} tcp flags & (fin | syn | rst | ack) == syn drop")
    hook = f"type filter hook input priority {PRIORITY}; policy accept;"
    chain = "".join(f"        {line}\n" for line in (hook, *lines))
    # Named first, so that there is one to delete.
    return f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n    chain input {{\n{chain}    }}\n}}\n"


def guard_script(addresses: Iterable[str], seconds: float) -> str:
    """Return a shell script that takes the rules away once the host has none of these addresses, or after a while.

    :param seconds: for how long requests under way are waited for before the addresses leave.
    """
    patterns = " ".join(f"-e ' {address}/'" for address in sorted(addresses))
    has_one = f"ip -oneline address show | grep -qF {patterns}"
    wait = f"for turn in $(seq {round((seconds + GUARD_SECONDS) * 10)}); do {has_one} || break; sleep 0.1; done"
    return f"{wait}; nft delete table inet {TABLE}"


@dataclass(frozen=True)
class Handover:
    """The addresses that a host is about to give away.

    ``run`` runs a command, with an optional text for its standard input.
    ``workers`` returns the processes of the web server that answer visitors.
    """

    addresses: tuple[str, ...]
    run: Run
    workers: Callable[[], set[int]]
    processes: Path = Path("/proc")

    def held(self) -> set[str]:
        """Return those of the addresses that this host has now."""
        shown = self.run(["ip", "-json", "address", "show"])
        if shown.code:
            raise Trouble(f"ip address show failed: {shown.output}")
        present = {part["local"] for link in json.loads(shown.stdout) for part in link.get("addr_info", []) if "local" in part}
        wanted = {str(ipaddress.ip_interface(address).ip) for address in self.addresses}
        return wanted & present

    def quiet(self, seconds: float) -> float:
        """Let in nobody new, have the web server finish what it has, and return how long that took in seconds.

        :param seconds: when to go on although something still runs, such as a web socket.
        :raises Trouble: new connections can't be held off; nothing has changed then.
        """
        held = self.held()
        done = self.run(["nft", "--file", "-"], stdin=ruleset(held))
        if not done.code:
            # On its own, so that a caller that dies leaves nothing.
            done = self.run(["systemd-run", "--quiet", "--collect", "/bin/sh", "-c", guard_script(held, seconds)])
            if done.code:
                self.run(["nft", "delete", "table", "inet", TABLE])
        if done.code:
            raise Trouble(f"New connections can't be held off: {done.output}")
        began = time.monotonic()
        old = self.workers()
        # Workers of before take nothing new any more, close connections that wait for a request, and end with the last answer.
        # Where the reload fails, they go on, and have the whole time: the address leaves all the same.
        self.run(["systemctl", "reload", "nginx.service"])
        while any((self.processes / str(number)).exists() for number in old) and time.monotonic() - began < seconds:
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def leave(self, verb: str) -> None:
        """Have keepalived give the addresses away, at once: visitors who were held off ask again ever more seldom.

        :param verb: ``stop``, or ``reload`` where its files no longer name the addresses.
        """
        done = self.run(["systemctl", verb, "keepalived.service"])
        if done.code:
            raise Trouble(f"systemctl {verb} keepalived.service failed, so the addresses are still here: {done.output}")
