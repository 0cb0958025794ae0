"""Finds the open TCP ports of hosts: tries every one, many at a time. Runs on lab hosts as well, so it needs nothing else.

python3 scan.py [--ports=<port>,...] <address> ...  prints the open ports of each as JSON, of all ports unless some are named.
"""

from __future__ import annotations

import errno
import itertools
import json
import resource
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator

PORTS = range(1, 65536)
# What drops packets never answers, and what answers does so at once, for the kernel does it.
SECONDS = 1.0
AT_ONCE_MOST = 12000


class Scan:
    """Connections under way, and the ports that have been found open."""

    def __init__(self) -> None:
        self.found: dict[str, list[int]] = {}
        self._poll = select.epoll()
        self._waiting: dict[int, tuple[socket.socket, str, int]] = {}
        self._order: deque[tuple[float, socket.socket]] = deque()

    def try_all(self, address: str, ports: Iterable[int], at_once: int) -> None:
        """Try each port: one after the other while there are answers, which is quickest, else with so many under way at once."""
        self.found[address] = []
        left = iter(ports)
        for number, port in enumerate(itertools.chain(self._try_one_by_one(address, left), left)):
            self._try(address, port)
            if number % 256 == 0:
                self._settle(0)
            while len(self._waiting) >= at_once:
                self._settle(0.05)

    def finish(self) -> dict[str, list[int]]:
        """Wait for the last answers, and return the open ports of each address."""
        while self._waiting:
            self._settle(0.05)
        return {address: sorted(ports) for address, ports in self.found.items()}

    def _try_one_by_one(self, address: str, ports: Iterator[int]) -> Iterator[int]:
        """Try ports until one doesn't answer, and yield that one."""
        tried = blocking_socket(address)
        for port in ports:
            code = tried.connect_ex((address, port))
            if code == errno.ECONNREFUSED:
                # The same socket may try again, which saves half of the time.
                continue
            tried.close()
            if code != 0:
                yield port
                return
            self.found[address].append(port)
            tried = blocking_socket(address)
        tried.close()

    def _try(self, address: str, port: int) -> None:
        tried = socket.socket(family_of(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        code = tried.connect_ex((address, port))
        if code == 0:
            self.found[address].append(port)
        if code == errno.EINPROGRESS:
            self._waiting[tried.fileno()] = (tried, address, port)
            self._order.append((time.monotonic() + SECONDS, tried))
            self._poll.register(tried, select.EPOLLOUT)
        else:
            tried.close()

    def _settle(self, seconds: float) -> None:
        """Take the answers, and give up what has waited for long enough."""
        for number, _ in self._poll.poll(seconds):
            tried, address, port = self._waiting.pop(number)
            if tried.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self.found[address].append(port)
            tried.close()
        while self._order and (self._order[0][1].fileno() == -1 or self._order[0][0] < time.monotonic()):
            _, tried = self._order.popleft()
            if tried.fileno() != -1:
                del self._waiting[tried.fileno()]
                tried.close()


def family_of(address: str) -> socket.AddressFamily:
    """Return the kind of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def blocking_socket(address: str) -> socket.socket:
    """Return a socket that waits for its connection, for so long; Python's own time limit would cost a call more for each."""
    made = socket.socket(family_of(address), socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SECONDS), 0))
    return made


def open_ports(addresses: Iterable[str], ports: Iterable[int] = PORTS) -> dict[str, list[int]]:
    """Return, for each address, the ports that accept a connection."""
    scan, at_once = Scan(), descriptors()
    for address in addresses:
        scan.try_all(address, ports, at_once)
    # Two hosts that try one another at the same moment may meet on ports where nothing listens, which doesn't happen twice.
    return {address: [port for port in found if accepts(address, port)] for address, found in scan.finish().items()}


def accepts(address: str, port: int) -> bool:
    """Say whether a connection comes about."""
    try:
        socket.create_connection((address, port), timeout=5 * SECONDS).close()
    except OSError:
        return False
    return True


def descriptors() -> int:
    """Raise the limit of open sockets as far as it goes, and return how many to have open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = AT_ONCE_MOST + 100 if hard == resource.RLIM_INFINITY else min(hard, AT_ONCE_MOST + 100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit - 100


if __name__ == "__main__":
    named = [int(port) for word in sys.argv[1:] if word.startswith("--ports=") for port in word.partition("=")[2].split(",")]
    sys.stdout.write(json.dumps(open_ports([word for word in sys.argv[1:] if not word.startswith("--")], named or PORTS)))
