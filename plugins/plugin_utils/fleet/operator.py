# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs a playbook, for the lock and the history of a site."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import multiprocessing
import os
import socket
import subprocess
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible.errors import AnsibleError


def account() -> str:
    """Return who runs this playbook, as people write it: account@machine."""
    return f"{user()}@{socket.gethostname()}"


def user() -> str:
    """Return the account that runs this playbook; in a container, it may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def whoami() -> dict[str, Any]:
    """Return who runs this playbook: account, machine and process.

    Raises AnsibleError where the playbook has ended and its task lives on, which must not act in its name any more.
    """
    host, pid = socket.gethostname(), controller()
    return {"user": user(), "host": host, "machine": machine(), "pid": pid, "run": run_of(host, pid)}


def controller() -> int:
    """Return the process that runs the playbook; tasks run in children of it, each in a session of its own.

    A child whose parent is killed gets another parent, which lives for ever: that of the start is remembered.
    """
    start = multiprocessing.parent_process()
    now = os.getppid()
    if start is None or start.pid == now:
        return now
    raise AnsibleError(f"The run of this playbook has ended (process {start.pid}); nothing is done in its name any more.")


def is_dead(holder: Mapping[str, Any]) -> bool:
    """Say whether a holder of a lock ran on this machine and is gone. Nothing is known of other machines' processes.

    Names of machines are not unique, nor are process numbers between containers.
    """
    return holder.get("machine") == machine() and holder.get("run") != run_of(str(holder["host"]), int(holder["pid"]))


@cache
def machine() -> str:
    """Return what tells this machine from every other, with its present boot and the space that its process numbers are from."""
    words = [_first_line("/etc/machine-id"), _first_line("/proc/sys/kernel/random/boot_id"), _process_space()]
    if not all(words):
        words += [socket.gethostname(), f"{uuid.getnode():x}"]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _first_line(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().strip()
    return ""


def _process_space() -> str:
    with contextlib.suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


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
    return f"{host}:{machine()}:{pid}:{started(pid)}"
