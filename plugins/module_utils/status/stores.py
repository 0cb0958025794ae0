# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the cache and the broker of a site do on the host that has them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

ANSWER_SECONDS = 5.0
MIB = 1024 * 1024
# A broker that is nearly full soon refuses tasks.
FULL_PERCENT = 80


class Stream(Protocol):
    """A connection to a server, as bytes."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...

    def readline(self) -> bytes: ...

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Stores:
    """The servers of one site on this host, each known by the folder of its configuration."""

    site: str
    root: Path = Path("/")

    @property
    def folder(self) -> Path:
        """Where each of them has a folder with its configuration."""
        return self.root / "etc/hotclub" / f"{self.site}-valkey"

    def names(self) -> list[str]:
        """Return those that are configured."""
        return sorted(path.parent.name for path in self.folder.glob("*/valkey.conf"))

    def unit(self, name: str) -> str:
        """Return the unit of one of them."""
        return f"{self.site}-{name}.service"

    def info(self, name: str) -> dict[str, str]:
        """Return what one of them tells of itself.

        :raises OSError: it gives no answer.
        :raises ValueError: it answers something else.
        """
        password = (self.folder / name / "password").read_text(encoding="utf-8").removesuffix("\n")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(self.root / "run" / f"{self.site}-valkey" / name / "valkey.sock"))
            with connection.makefile("rwb") as stream:
                answer_of(stream, "AUTH", self.site, password)
                lines = answer_of(stream, "INFO").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def answer_of(stream: Stream, *words: str) -> str:
    """Say something to a server, and return its answer.

    :raises ValueError: it refuses, or answers something else.
    """
    encoded = [word.encode() for word in words]
    stream.write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
    stream.flush()
    line = stream.readline().decode(errors="replace").rstrip("\r\n")
    if line.startswith("+"):
        return line[1:]
    if not line.startswith("$"):
        raise ValueError(line.lstrip("-") or "it closed the connection")
    return stream.read(int(line[1:]) + 2).decode(errors="replace")


def look_at_stores(stores: Stores, status: dict[str, Any]) -> None:
    """Say what cache and broker have and may keep, and what is wrong with them; nothing of a host without."""
    for name in stores.names():
        try:
            told = stores.info(name)
            status.setdefault("stores", {})[name] = seen = {
                "used_mb": round(int(told["used_memory"]) / MIB, 1),
                "memory_mb": int(told["maxmemory"]) // MIB,
                "evicted": int(told["evicted_keys"]),
            }
        except (OSError, KeyError, ValueError) as error:
            status["problems"].append(f"the {name} gives no answer ({error}): see systemctl status {stores.unit(name)}")
            continue
        if told.get("aof_enabled") == "1" and "err" in (told.get("aof_last_write_status"), told.get("aof_last_bgrewrite_status")):
            status["problems"].append(f"the {name} can't write to its disk: see journalctl -u {stores.unit(name)}")
        if told.get("maxmemory_policy") == "noeviction" and seen["used_mb"] * 100 >= seen["memory_mb"] * FULL_PERCENT:
            status["problems"].append(
                f"the {name} has {seen['used_mb']} of {seen['memory_mb']} MiB, and refuses tasks when it is full: see whether "
                f"the workers run, or set valkey_{name}_memory_mb higher"
            )
