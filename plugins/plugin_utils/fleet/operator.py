# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs a playbook, for the lock and the history of a site."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess


def account() -> str:
    """Return who runs this playbook, as people write it: account@machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def started(pid: int) -> str:
    """Return when a process of this machine started, empty when there is no such process.

    In clock ticks since boot where there is a /proc (proc_pid_stat(5), field 22), else as text from ps.
    """
    if os.path.isdir("/proc/self"):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return ""
        # A zombie is dead, even while nobody has collected it.
        return "" if fields[0] == "Z" else fields[19]
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return " ".join(told.stdout.split())


def run_of(host: str, pid: int) -> str:
    """Return what tells one run of a playbook from every other: machine, process and when it started."""
    return f"{host}:{pid}:{started(pid)}"
