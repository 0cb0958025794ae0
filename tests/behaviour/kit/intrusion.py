"""What a process that is fully taken over tries. It runs on the host, in place of a site's instance, and prints what it got.

The only argument is JSON: what to read, where to connect, and so on. Nothing but the standard library is used, and psycopg
where the project brings it.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

ELSEWHERE = ("/proc", "/sys")
ENOUGH = 5
# By number, since the C library has no functions for some of them.
SYSCALLS = {
    "x86_64": {
        "ptrace": 101,
        "reboot": 169,
        "sethostname": 170,
        "keyctl": 250,
        "unshare": 272,
        "bpf": 321,
        "io_uring_setup": 425,
    },
    "aarch64": {
        "ptrace": 117,
        "reboot": 142,
        "sethostname": 161,
        "keyctl": 219,
        "unshare": 97,
        "bpf": 280,
        "io_uring_setup": 425,
    },
}
CLONE_NEWUSER = 0x10000000


def tree(path: str) -> Iterator[str]:
    """A path and all that can be seen below it."""
    yield path
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not os.path.join(folder, name).startswith(ELSEWHERE)]
        yield from (os.path.join(folder, name) for name in (*folders, *files))


def readable(path: str) -> list[str]:
    """Files at or below a path that can be opened."""
    found = []
    for name in tree(path):
        try:
            if os.path.isfile(name):
                with open(name, "rb"):
                    found.append(name)
        except OSError:
            continue
        if len(found) == ENOUGH:
            break
    return found


def writable(path: str) -> list[str]:
    """The topmost folders and files at or below a path that can be written."""
    found: list[str] = []
    for name in tree(path):
        if any(name.startswith(known + "/") for known in found) or os.path.islink(name):
            continue
        if os.access(name, os.W_OK) and (os.path.isdir(name) or os.path.isfile(name)):
            found.append(name)
    return found


def processes_of_others() -> list[str]:
    """Processes of other accounts that can be seen."""
    return [name for name in os.listdir("/proc") if name.isdigit() and os.stat(f"/proc/{name}").st_uid != os.getuid()]


def outcome(action: Callable[[], Any]) -> str:
    """Empty when something works; else why it does not."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return ""


def connect(address: str) -> None:
    family: int = socket.AF_INET
    target: Any = address
    if address.startswith("/"):
        family = socket.AF_UNIX
    else:
        host, _, port = address.rpartition(":")
        target = (host, int(port))
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(3)
        connection.connect(target)


def listen(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()


def send(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", (address, 9))


def open_socket(family: int, kind: int) -> None:
    socket.socket(family, kind, socket.IPPROTO_ICMP if family == socket.AF_INET else 0).close()


def syscall(name: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    first = CLONE_NEWUSER if name == "unshare" else 0
    if library.syscall(SYSCALLS[os.uname().machine][name], first, 0, 0, 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def command(words: list[str]) -> int:
    try:
        return subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=10).returncode
    except (OSError, subprocess.TimeoutExpired):
        return -1


def database(url: str) -> str:
    """Empty when the database lets the process in; else what it says."""
    import psycopg  # type: ignore[import-not-found]

    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error as error:
        return str(error)
    return ""


def tried(wanted: Mapping[str, Any]) -> dict[str, Any]:
    own = os.environ["DATABASE_URL"]
    return {
        "account": [os.getuid(), os.getgid(), *os.getgroups()],
        "readable": {path: readable(path) for path in wanted["read"]},
        "writable": writable("/"),
        "processes": processes_of_others(),
        "connect": {address: outcome(lambda address=address: connect(address)) for address in wanted["connect"]},  # type: ignore[misc]
        "listen": {port: outcome(lambda port=port: listen(port)) for port in wanted["listen"]},  # type: ignore[misc]
        "send": {address: outcome(lambda address=address: send(address)) for address in wanted["send"]},  # type: ignore[misc]
        "syscalls": {name: outcome(lambda name=name: syscall(name)) for name in SYSCALLS["x86_64"]},  # type: ignore[misc]
        "sockets": {
            "packet": outcome(lambda: open_socket(socket.AF_PACKET, socket.SOCK_RAW)),
            "netlink": outcome(lambda: open_socket(socket.AF_NETLINK, socket.SOCK_RAW)),
            "raw": outcome(lambda: open_socket(socket.AF_INET, socket.SOCK_RAW)),
        },
        "signal": {pid: outcome(lambda pid=pid: os.kill(pid, 0)) for pid in wanted["signal"]},  # type: ignore[misc]
        "commands": {" ".join(words): command(words) for words in wanted["commands"]},
        "databases": {name: database(own.rsplit("/", 1)[0] + "/" + name) for name in wanted["databases"]},
    }


if __name__ == "__main__":
    print(json.dumps(tried(json.loads(sys.argv[1]))))
