"""Stands between Ansible and ssh, and writes down what each command is given; everything else goes on as it came.

Called as a program, with the file of the records, and then with what ssh is called with. The standard library is all it needs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import Sequence

PAYLOAD = "hotclub.django.payload"
# Of a module, as Ansible sends it: its name and its archive, each on a line.
MODULE = re.compile(rb"^ansible_module='(?P<name>[^']+)',$", re.MULTILINE)
# Of one that a host has kept: by which key.
KEPT = re.compile(r"/run/hotclub/code/(?P<key>[0-9a-f]+)/start")
ARCHIVE = re.compile(rb"^zip_data='(?P<zip>[A-Za-z0-9+/=]+)',$", re.MULTILINE)


def record(words: Sequence[str], given: bytes) -> dict[str, object] | None:
    """What is written down of a call of ssh; nothing of one that only asks for the state of a connection."""
    if "-O" in words or len(words) < 2:
        return None
    # The host and the command are the last two words.
    host, command = words[-2:]
    name, archive, kept = MODULE.search(given), ARCHIVE.search(given), KEPT.search(command)
    if kept:
        called, payload = PAYLOAD, kept["key"]
    else:
        called = name["name"].decode() if name else ""
        payload = hashlib.sha256(archive["zip"]).hexdigest() if archive else ""
    return {
        "host": host,
        "bytes": len(given) + len(command.encode()),
        "module": called,
        "payload": payload,
    }


def standard_input() -> bytes:
    """What the command is given by a pipe; from a terminal nothing is taken, since nothing ends it."""
    return sys.stdin.buffer.read() if stat.S_ISFIFO(os.fstat(0).st_mode) else b""


def hand_on(given: bytes) -> None:
    """Let the program that takes this one's place read what was read here."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        os.dup2(file.fileno(), 0)


def main() -> None:
    records, *words = sys.argv[1:]
    given = b"" if "-O" in words else standard_input()
    if found := record(words, given):
        # One write, so that hosts served at the same time don't mix their lines.
        with open(records, "ab", buffering=0) as file:  # noqa: PTH123 (before each command: pathlib alone takes longer to load)
            file.write(f"{json.dumps(found)}\n".encode())
    if "-O" not in words:
        hand_on(given)
    os.execvp("ssh", ["ssh", *words])  # noqa: S606 (without a shell is what is meant)


if __name__ == "__main__":
    main()
