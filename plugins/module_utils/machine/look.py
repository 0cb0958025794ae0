# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all roles need to know of a host before they can say what it is to be, under the names that Ansible gives such facts."""

from __future__ import annotations

import os
import platform
import re
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run

RELEASE = Path("/etc/os-release")
# What dpkg has begun to write down and not finished.
UPDATES = Path("/var/lib/dpkg/updates")
# Where a run writes; each of them may be a file system of its own.
FOLDERS = ("/etc", "/opt", "/run", "/srv", "/tmp", "/usr", "/var", "/var/cache", "/var/lib", "/var/log")  # noqa: S108
# A container sees its own control group there; a machine that is none has no limits, and no such files.
CONTROL_GROUP = Path("/sys/fs/cgroup")
LEAST_BYTES = 1024 * 1024
LEAST_FILES = 16
CLOUD_INIT = Path("/run/cloud-init")
CLOUD_INIT_SECONDS = 600.0
# Each of them, and systemd-timesyncd, wants to be the only one.
TIME_DAEMONS = {"chrony": "/usr/sbin/chronyd", "ntpsec": "/usr/sbin/ntpd", "openntpd": "/usr/sbin/openntpd"}
# Of a connection: address and port of either end.
ENDS = ("client", "client's port", "server", "server's port")
FAMILIES = {"debian": "Debian", "ubuntu": "Debian"}
NAMES = {"debian": "Debian", "ubuntu": "Ubuntu"}


def facts() -> dict[str, Any]:
    """Return the facts, as ansible.builtin.setup would."""
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', RELEASE.read_text(), re.MULTILINE))
    memory = dict(re.findall(r"^(\w+): +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE))
    identity = release.get("ID", "")
    version = release.get("VERSION_ID", "")
    exact = Path("/etc/debian_version")
    return {
        "os_family": FAMILIES.get(identity, identity),
        "distribution": NAMES.get(identity, identity),
        "distribution_version": exact.read_text().strip() if identity == "debian" and exact.exists() else version,
        "distribution_major_version": version.split(".")[0],
        "distribution_release": release.get("VERSION_CODENAME", ""),
        "architecture": platform.machine(),
        "memtotal_mb": memory_mb(int(memory["MemTotal"]) // 1024),
        "processor_vcpus": processors(os.cpu_count() or 1),
        "virtualization_tech_guest": guest(),
        "interfaces": sorted(os.listdir("/sys/class/net")),
        "all_ipv4_addresses": ipv4_addresses(),
        "all_ipv6_addresses": ipv6_addresses(),
        "default_ipv4": default_route("/proc/net/route"),
        "default_ipv6": default_route_ipv6(),
        "dns": {"nameservers": nameservers()},
    }


def memory_mb(machine_mb: int) -> int:
    """Return how much memory the host may use: to a container too the kernel shows all of the machine's."""
    limit = limit_of("memory.max")
    return min(machine_mb, int(limit[0]) // 1024**2) if limit else machine_mb


def processors(machine: int) -> int:
    """Return how many processors' time the host may use, one at least."""
    limit = limit_of("cpu.max")
    return max(1, min(machine, int(limit[0]) // int(limit[1]))) if limit else machine


def limit_of(name: str) -> list[str]:
    """Return the words in a file of the control group that is the whole host; nothing where there is no limit."""
    file = CONTROL_GROUP / name
    words = file.read_text().split() if file.exists() else ["max"]
    return [] if words[0] == "max" else words


def guest() -> list[str]:
    """Return in which kind of container the host is, if in any."""
    done = run(["systemd-detect-virt", "--container"])
    kind = done.stdout.strip()
    return [] if done.code or kind == "none" else ["container", kind]


def ipv4_addresses(table: Path = Path("/proc/net/fib_trie")) -> list[str]:
    """Return the host's IPv4 addresses without its own loopback."""
    found = re.findall(r"\|-- (\S+)\n +/32 host LOCAL$", table.read_text(), re.MULTILINE) if table.exists() else []
    return [address for address in dict.fromkeys(found) if not address.startswith("127.")]


def ipv6_addresses() -> list[str]:
    """Return the host's IPv6 addresses without its own loopback."""
    table = Path("/proc/net/if_inet6")
    lines = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])) for words in lines if words[5] != "lo"]


def default_route(table: str) -> dict[str, str]:
    """Return the interface by which the host reaches other networks."""
    rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
    best = sorted((int(row[6]), row[0]) for row in rows if row[1] == "00000000" and row[7] == "00000000")
    return {"interface": best[0][1]} if best else {}


def default_route_ipv6() -> dict[str, str]:
    """Return the interface by which the host reaches other networks over IPv6."""
    table = Path("/proc/net/ipv6_route")
    rows = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    ways = sorted((int(row[5], 16), row[9]) for row in rows if set(row[0]) == {"0"} and row[1] == "00" and row[9] != "lo")
    return {"interface": ways[0][1]} if ways else {}


def nameservers() -> list[str]:
    """Return the name servers that the host asks."""
    file = Path("/etc/resolv.conf")
    return re.findall(r"^nameserver +(\S+)", file.read_text(), re.MULTILINE) if file.exists() else []


def time_daemon() -> str:
    """Return the package of a daemon other than Debian's own that keeps the time; nothing where there is none."""
    return next((package for package, program in TIME_DAEMONS.items() if Path(program).exists()), "")


def signed_in(processes: Path = Path("/proc")) -> dict[str, Any]:
    """Return as whom, and at which port of this host, the run has signed in over SSH; nothing where it has not.

    sudo and doas forget it, so it is read from the processes above this one, up to the one that the SSH server began. A router
    may show another port to the controller.
    """
    found: dict[str, Any] = {}
    number = os.getpid()
    while number > 1:
        try:
            environment = (processes / str(number) / "environ").read_bytes().decode(errors="replace")
            parent = (processes / str(number) / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            break
        words = dict(word.split("=", 1) for word in environment.split("\0") if "=" in word)
        connection = words.get("SSH_CONNECTION", "").split()
        if len(connection) == len(ENDS):
            found = {"port": int(connection[3]), "account": words.get("USER", "")}
        number = int(parent)
    return found


def addresses_of(names: Iterable[str]) -> dict[str, str]:
    """Return what the host itself knows of hosts by name, as getent says it; nothing for one that it doesn't know."""
    return {name: run(["getent", "ahosts", name]).stdout for name in names}


def await_cloud_init(seconds: float = CLOUD_INIT_SECONDS, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until a host that has just been made is ready: cloud-init may be installing packages, and restart services.

    :raises Trouble: it does not come to an end.
    """
    end = time.monotonic() + seconds
    while (CLOUD_INIT / "enabled").exists() and not os.path.lexists(CLOUD_INIT / "result.json"):
        if time.monotonic() > end:
            raise Trouble(
                f"cloud-init has been at work on {os.uname().nodename} for more than {seconds / 60:.0f} minutes.",
                "See cloud-init status --long on the host, then run this again. Where it never ends: "
                "touch /etc/cloud/cloud-init.disabled, and restart the host.",
            )
        sleep(1)


def refuse_broken() -> None:
    """Refuse a host on which nothing could be done.

    :raises Trouble: says what is broken, and the remedy.
    """
    for folder in filter(os.path.isdir, FOLDERS):
        room = os.statvfs(folder)
        if room.f_bavail * room.f_frsize < LEAST_BYTES:
            raise Trouble(
                f"The disk is full: {folder} has no megabyte left.", "Make room (df -h shows where), then run this again."
            )
        if room.f_files and room.f_favail < LEAST_FILES:
            raise Trouble(
                f"The disk is full: {folder} has no room for another file.",
                "Remove files (df -i shows where), then run this again.",
            )
    if any(UPDATES.glob("[0-9]*")):
        raise Trouble("dpkg was interrupted in the middle of its work.", "Run dpkg --configure -a on the host, then this again.")
