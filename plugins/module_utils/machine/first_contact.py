# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host has of others that a first run would cut off or replace: each with what would happen to it, and the remedy.

Steps find it while they are compared with the host. They look only where they would change something for the first time, so that
it costs nothing where nothing differs. survey makes one message of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# What is replaced stays beside, under its own name with this behind it.
ASIDE = ".before-hotclub"
DPKG_LIST = Path("/var/lib/dpkg/status")
# Files that packages bring and that ours replace as a whole; the rest of ours have names of their own.
MAIN = re.compile(
    r"/etc/(nginx/nginx\.conf|haproxy/haproxy\.cfg|default/haproxy|keepalived/keepalived\.conf|postgresql/[^/]+/[^/]+/pg_ident\.conf)"
)
# One of them is on each host that a run has configured.
OURS = (Path("/etc/sysctl.d/60-hotclub.conf"), Path("/etc/hotclub"))
# Shorter ones, as an empty line of comment, are in anybody's files.
LEAST_COMMENT = 20


@dataclass(frozen=True)
class Finding:
    """Something of others, what becomes of it, and what to do where it shall not.

    :param what: names the thing, and says what would happen.
    :param remedy: how it is kept.
    :param refused: it can't be had beside the site, so consent doesn't help.
    """

    what: str
    remedy: str
    refused: bool = False


def told(findings: Iterable[Finding]) -> dict[str, list[dict[str, Any]]]:
    """Return findings as a part of a step's result; nothing where there are none."""
    found = [asdict(finding) for finding in findings]
    return {"first_contact": found} if found else {}


def is_first() -> bool:
    """Say whether no run has configured this host yet."""
    return not any(path.exists() for path in OURS)


def is_of_others(path: str, found: bytes, wanted: bytes) -> bool:
    """Say whether a file that is about to be replaced is somebody's work: neither ours nor as its package has brought it."""
    if not MAIN.fullmatch(path):
        return False
    text = found.decode(errors="replace")
    comments = _comments(wanted.decode(errors="replace"))
    if not _said(text) or comments & _comments(text):
        return False
    return not is_packaged(path, found)


def is_packaged(path: str, found: bytes) -> bool:
    """Say whether a file of a package's configuration is as the package has brought it."""
    return f"\n {path} {hashlib.md5(found, usedforsecurity=False).hexdigest()}" in read(DPKG_LIST)


def _comments(text: str) -> set[str]:
    """Return the comments that nobody else writes, of which each version of a file of ours has some that others have."""
    lines = (line.strip() for line in text.splitlines())
    return {line for line in lines if line.startswith("#") and len(line) >= LEAST_COMMENT and "nsible" not in line}


def _said(text: str) -> list[str]:
    """Return what a file says besides comments."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def replaced(path: str) -> Finding:
    """Tell of a file that is somebody's work."""
    return Finding(
        f"{path} is not as its package has brought it. It would be replaced, and kept as {aside(path)}.",
        "Look whether anything else on the host needs what it says, and have that in a file of its own, which stays.",
    )


def aside(path: str) -> str:
    """Return where a file is kept that was replaced."""
    return f"{path}{ASIDE}"


def read(path: Path) -> str:
    """Return the text of a file; nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
