# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pools of database connections that a site has on an application host, each a PgBouncer, and what they say of themselves."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

# Who asks by the socket as the account that runs it is let in under this name, and sees the console of the same name.
CONSOLE = "pgbouncer"
PORT = 6432
PROTOCOL = 196608
ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Pools:
    """The pools of one site on this host."""

    site: str
    run: Run
    root: Path = Path("/")

    @property
    def account(self) -> str:
        """The account that runs them, whose name their units have as well."""
        return f"{self.site}-pool"

    @property
    def folder(self) -> Path:
        """Where each of them has a folder with its configuration."""
        return self.root / "etc/hotclub" / self.account

    @property
    def target(self) -> Path:
        """The unit that stands between them and what serves."""
        return self.root / f"etc/systemd/system/{self.account}s.target"

    def common(self) -> list[Path]:
        """Return what all of them are made from, and their target."""
        return [
            self.folder,
            self.target,
            self.root / f"etc/systemd/system/{self.account}@.service",
            self.root / f"etc/sysusers.d/{self.account}.conf",
        ]

    def names(self) -> list[str]:
        """Return those that are configured or run, or would at the next start of the host."""
        prefix, suffix = f"{self.account}@", ".service"
        units = {path.name for path in self._wants()} | set(self._listed())
        folders = {path.name for path in self.folder.glob("*") if path.is_dir()}
        return sorted(folders | {unit[len(prefix) : -len(suffix)] for unit in units})

    def _wants(self) -> list[Path]:
        """Return the links by which systemd starts them at boot."""
        return sorted((self.root / "etc/systemd/system").glob(f"*.wants/{self.unit('*')}"))

    def _listed(self) -> dict[str, bool]:
        """Return the units that systemd has in memory, each with whether it can be stopped, being more than a name."""
        listed = self.run(["systemctl", "list-units", "--plain", "--no-legend", "--full", "--all", self.unit("*")]).stdout
        lines = [line.split() for line in listed.splitlines() if line.split()]
        return {unit: load == "loaded" or active != "inactive" for unit, load, active, *_more in lines}

    def unit(self, name: str) -> str:
        """Return the unit of a pool."""
        return f"{self.account}@{name}.service"

    def stop(self, names: list[str]) -> None:
        """Stop pools for good, once the server has answered what it was asked by them.

        :raises Trouble: one goes on.
        """
        if not names:
            return
        units = [self.unit(name) for name in names]
        for link in self._wants():
            if link.name in units:
                link.unlink()
        # A run that ended early may have left a folder alone, of which systemd knows no unit.
        known = [unit for unit, can_stop in self._listed().items() if can_stop and unit in units]
        if known:
            done = self.run(["systemctl", "stop", *known])
            if done.code:
                raise Trouble(f"systemctl stop {' '.join(known)} failed.", "See what it said, and run this again.", done.tail(5))
            # One that failed before would be listed on.
            self.run(["systemctl", "reset-failed", *known])
        self.run(["systemctl", "daemon-reload"])

    def remove(self, paths: list[Path]) -> None:
        """Remove files and folders."""
        if self.target in paths:
            self.run(["systemctl", "stop", self.target.name])
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                remove(path)
        if paths:
            self.run(["systemctl", "daemon-reload"])

    def ask(self, name: str, question: str) -> list[dict[str, str]]:
        """Return the rows of what a pool's console answers.

        :raises OSError: nobody answers, or something else.
        """
        path = self.root / "run" / self.account / name / f".s.PGSQL.{PORT}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            self._connect(connection, path)
            names = f"user\0{CONSOLE}\0database\0{CONSOLE}\0\0".encode()
            connection.sendall(struct.pack("!ii", 8 + len(names), PROTOCOL) + names)
            with connection.makefile("rb") as stream:
                _rows(stream)
                text = question.encode() + b"\0"
                connection.sendall(b"Q" + struct.pack("!i", 4 + len(text)) + text)
                return _rows(stream)

    def _connect(self, connection: socket.socket, path: Path) -> None:
        """Connect as the account of the pool: the kernel tells it who is at the other end."""
        mine, theirs = os.geteuid(), pwd.getpwnam(self.account).pw_uid
        os.seteuid(theirs)
        try:
            connection.connect(str(path))
        finally:
            os.seteuid(mine)


def _rows(stream: BinaryIO) -> list[dict[str, str]]:
    """Return the rows of what is sent until the other side waits for a question."""
    columns: list[str] = []
    rows: list[dict[str, str]] = []
    while True:
        kind, content = _message(stream)
        if kind == b"E":
            raise OSError(content.replace(b"\0", b" ").decode(errors="replace").strip())
        if kind == b"T":
            columns = _columns(content)
        elif kind == b"D":
            rows.append(dict(zip(columns, _values(content), strict=True)))
        elif kind == b"Z":
            return rows


def _message(stream: BinaryIO) -> tuple[bytes, bytes]:
    head = stream.read(5)
    if len(head) < 5:
        raise OSError("the connection was closed")
    return head[:1], stream.read(struct.unpack("!i", head[1:])[0] - 4)


def _columns(content: bytes) -> list[str]:
    """Return the names in the description of a row: each is followed by 18 bytes."""
    names, place = [], 2
    for _number in range(struct.unpack("!h", content[:2])[0]):
        end = content.index(b"\0", place)
        names.append(content[place:end].decode())
        place = end + 19
    return names


def _values(content: bytes) -> list[str]:
    """Return the values of a row, an empty text for none."""
    values, place = [], 2
    for _number in range(struct.unpack("!h", content[:2])[0]):
        length = struct.unpack("!i", content[place : place + 4])[0]
        place += 4
        values.append(content[place : place + max(0, length)].decode(errors="replace"))
        place += max(0, length)
    return values
