"""What a run that changes nothing is measured by: pyinfra with 25 operations of the same kinds on the same host."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bench import hosts
from bench.measure import tell
from lab.bootstrap import index_settings
from lab.commands import run
from lab.inventory import open_lab
from lab.paths import SSH_KEY, VENV_PYTHON, tool

VERSION = "3.10"
FOLDER = hosts.ROOT / ".lab" / "bench" / "pyinfra"
OPERATIONS = Path(__file__).with_name("peer_operations.py")
PACKAGE_GROUPS, FILES, SERVICES = 4, 14, 4

# Of the converged host: what is asked for there, so that there is nothing to do.
PACKAGES = "apt-mark showmanual"
WRITTEN = """
grep --recursive --files-with-matches --ignore-case 'ansible managed' /etc | sort | while read -r path; do
    find "$path" -type f -perm -o=r -size -64k -printf '%u %g %m %p\\n'
done | sed --quiet '1,{count}p'
"""
ACCOUNT = "getent passwd plain"
FOLDERS = "stat --format '%U %G %a %n' /srv/plain"
SETTING = "cat /proc/sys/net/ipv4/tcp_syncookies"
STARTED = """
systemctl list-units --type=service --state=active --plain --no-legend | cut -d' ' -f1 | while read -r unit; do
    [ "$(systemctl is-enabled "$unit" 2>/dev/null)" != enabled ] || echo "$unit"
done | sed --quiet '1,{count}p'
"""


class Peer:
    """pyinfra in a virtual environment of its own, with operations for a host that has been converged."""

    def __init__(self, which: str) -> None:
        self._command = [str(_installed()), "-y", str(_inventory(which)), str(OPERATIONS)]
        state = _state(which)
        self.operations = PACKAGE_GROUPS + len(state["files"]) + 1 + 1 + 1 + len(state["services"])
        if len(state["files"]) < FILES or len(state["services"]) < SERVICES:
            raise SystemExit(
                f"The host has fewer files or services than are to be compared: {state['files']}, {state['services']}"
            )
        (FOLDER / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def run(self) -> None:
        """Run the operations; the measurement is void when one of them finds something to do."""
        done = subprocess.run(self._command, cwd=FOLDER, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
        if done.returncode != 0 or changed(said) != 0:
            raise SystemExit(f"pyinfra was to find nothing to do and ended with {done.returncode}:\n{said[-3000:]}")


def changed(said: str) -> int | None:
    """How many operations have changed something, by the last line of the results; None where there is none."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    found = re.findall(r"^\s*Grand total\s+(\d+|-)\s+(\d+|-)\s+(\d+|-)\s+(\d+|-)\s*$", plain, re.MULTILINE)
    return int(found[-1][1].replace("-", "0")) if found else None


def _installed() -> Path:
    """Return the program; it is installed once."""
    program = FOLDER / VERSION / "bin" / "pyinfra"
    if not program.exists():
        tell(f"install pyinfra {VERSION}")
        folder = program.parents[1]
        run([tool("uv"), "venv", "--clear", "--python", VENV_PYTHON, folder])
        run(
            [tool("uv"), "pip", "install", "--python", folder / "bin" / "python", f"pyinfra=={VERSION}"],
            timeout=600,
            environment=index_settings(),
        )
    return program


def _inventory(which: str) -> Path:
    """Write where the host is, and how to reach it, as pyinfra wants to be told."""
    lab = open_lab(str(hosts.INVENTORIES / which), hosts.PREFIX)
    said = {
        "ssh_user": "root",
        "ssh_key": str(SSH_KEY),
        "ssh_known_hosts_file": str(lab.known_hosts),
        "ssh_strict_host_key_checking": "yes",
    }
    file = FOLDER / "inventory.py"
    file.write_text(f"hosts = [({hosts.host(which).address!r}, {said!r})]\n", encoding="utf-8")
    return file


def _state(which: str) -> dict[str, Any]:
    """What the operations are to find: packages, files with their content, and so on, as the host has them."""
    packages = hosts.ssh(which, stdin=PACKAGES).split()
    name, _, uid, _, _, home, shell = hosts.ssh(which, stdin=ACCOUNT).strip().split(":")
    return {
        "packages": [packages[number::PACKAGE_GROUPS] for number in range(PACKAGE_GROUPS)],
        "files": [
            {**_owned(line), "source": _copy(which, number, line.split(maxsplit=3)[3])}
            for number, line in enumerate(hosts.ssh(which, stdin=WRITTEN.format(count=FILES)).splitlines())
        ],
        "folder": _owned(hosts.ssh(which, stdin=FOLDERS).strip()),
        "setting": {"key": "net.ipv4.tcp_syncookies", "value": int(hosts.ssh(which, stdin=SETTING))},
        "account": {"user": name, "uid": int(uid), "home": home, "shell": shell},
        "services": _services(which),
    }


def _owned(line: str) -> dict[str, str]:
    user, group, mode, path = line.split(maxsplit=3)
    return {"path": path, "user": user, "group": group, "mode": mode}


def _copy(which: str, number: int, path: str) -> str:
    """Have the content of a host's file here, and return where."""
    file = FOLDER / "files" / str(number)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(hosts.ssh_bytes(which, ["cat", path]))
    return str(file)


def _services(which: str) -> list[str]:
    """Services of the host that run and are started at boot."""
    return hosts.ssh(which, stdin=STARTED.format(count=SERVICES)).split()
