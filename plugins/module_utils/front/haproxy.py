# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What HAProxy on this host says of a site's servers, by its admin socket."""

from __future__ import annotations

import csv
import io
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.service import has_files

ADMIN_SOCKET = "/run/haproxy/admin.sock"
SITES = Path("/etc/haproxy/sites")
TIMEOUT_SECONDS = 5.0
# In what `show servers state` says of a server's administration: somebody drained it by this socket.
DRAINED_HERE = 0x08
# What a backend's name has in addition that takes requests which may change something.
CHANGES = ".changes"
# Servers that get no request for another reason than their health.
HELD_BACK = ("MAINT", "DRAIN")


@dataclass(frozen=True)
class Server:
    """How HAProxy sees one application host."""

    name: str
    # UP, DOWN, MAINT, DRAIN, or on the way between two of these.
    status: str
    weight: int
    sessions: int
    requests: int
    errors: int
    check: str
    seconds: int

    @property
    def is_up(self) -> bool:
        """Whether it takes requests; one that is about to go down or come up says so after a blank."""
        return self.status.split(" ", 1)[0] == "UP"

    def facts(self) -> dict[str, Any]:
        """Return it as a module returns it."""
        return dict(vars(self))


def serves_here() -> bool:
    """Say whether HAProxy serves a site on this host; one that was stopped with the last of them has left its socket behind."""
    return os.path.exists(ADMIN_SOCKET) and has_files(SITES)


def ask(command: str, path: str = ADMIN_SOCKET) -> str:
    """Return the answer to a command.

    :raises Trouble: nobody listens there.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
    except OSError as error:
        raise Trouble(f"HAProxy does not answer at {path}: {error}. See `systemctl status haproxy`.") from error
    return b"".join(parts).decode(errors="replace").strip()


def order(command: str, path: str = ADMIN_SOCKET) -> None:
    """Give a command that answers nothing when it is obeyed.

    :raises Trouble: HAProxy refuses it.
    """
    if answer := ask(command, path):
        raise Trouble(f"HAProxy refuses `{command}`: {answer}")


def servers(text: str, site: str) -> list[Server]:
    """Return a site's servers from the answer to ``show stat``, with what they have of both kinds of requests.

    :param text: that answer, CSV with a first line of names.
    :param site: name of the backend that asks whether they are well.
    """
    rows = [row for row in csv.DictReader(io.StringIO(text.removeprefix("# "))) if row["svname"] not in ("FRONTEND", "BACKEND")]
    changes = {row["svname"]: _server(row) for row in rows if row["pxname"] == f"{site}{CHANGES}"}
    return [_with(_server(row), changes.get(row["svname"])) for row in rows if row["pxname"] == site]


def _with(server: Server, changes: Server | None) -> Server:
    if changes is None:
        return server
    return replace(
        server,
        sessions=server.sessions + changes.sessions,
        requests=server.requests + changes.requests,
        errors=server.errors + changes.errors,
    )


def _server(row: Mapping[str, str]) -> Server:
    return Server(
        name=row["svname"],
        status=row["status"],
        weight=int(row["weight"] or 0),
        sessions=int(row["scur"] or 0),
        requests=sum(int(row[f"hrsp_{first}xx"] or 0) for first in range(1, 6)),
        errors=int(row["hrsp_5xx"] or 0),
        check=" ".join(part for part in (row["check_status"], row["last_chk"]) if part),
        seconds=int(row["lastchg"] or 0),
    )


def drained_here(text: str) -> list[str]:
    """Return the servers that were drained by the admin socket rather than by the configuration.

    :param text: the answer to ``show servers state`` for one backend: a version, a line of names after a #, a line a server.
    """
    lines = text.splitlines()[1:]
    if not lines:
        return []
    names = lines[0].removeprefix("# ").split()
    rows = (dict(zip(names, line.split(), strict=False)) for line in lines[1:] if line.strip())
    return [row["srv_name"] for row in rows if int(row["srv_admin_state"]) & DRAINED_HERE]


def takes_over(found: Sequence[Server], leaving: Sequence[str]) -> bool:
    """Tell whether somebody is there for the requests of servers that are to take no more."""
    going = [server for server in found if server.name in leaving]
    return not going or any(server.is_up for server in found if server.name not in leaving)


def troubles(found: Sequence[Server], wanted: Sequence[str], site: str) -> list[str]:
    """Return what is wrong with the servers that should take requests, and what to do about each.

    :param wanted: names of these; a server that the inventory drains is not among them.
    """
    known = {server.name: server for server in found}
    return [trouble for name in wanted if (trouble := _trouble(name, known.get(name), site))]


def _trouble(name: str, server: Server | None, site: str) -> str:
    if server is None:
        return f"HAProxy doesn't know {name}: run playbooks/site.yml"
    if server.status.startswith("DOWN"):
        since = f"HAProxy has seen {name} as DOWN for {server.seconds} s ({server.check or 'no check yet'})"
        return f"{since}: see `journalctl -u '{site}@*'` on {name}, and whether its port is reached from here"
    if server.status.startswith(HELD_BACK):
        asked = "which the inventory doesn't ask for: `systemctl reload haproxy` ends that"
        return f"HAProxy holds {name} back ({server.status}), {asked}"
    return ""


def answered_since(before: Sequence[Server], after: Sequence[Server], names: Sequence[str]) -> tuple[int, int]:
    """Return how many answers these servers have given between two looks, and how many of them were server errors."""
    first = {server.name: server for server in before}
    pairs = [(first[server.name], server) for server in after if server.name in names and server.name in first]
    return sum(new.requests - old.requests for old, new in pairs), sum(new.errors - old.errors for old, new in pairs)
