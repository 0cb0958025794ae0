# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person is shown of the changes to a set of files: no secrets, nothing binary, no folders that a file implies."""

from __future__ import annotations

import grp
import pwd
import zlib
from collections.abc import Iterable

from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    ABSENT,
    DIRECTORY,
    FILE,
    LINK,
    Change,
    Wanted,
    permissions_differ,
)

LARGEST_SHOWN = 256 * 1024


def diff_of(changes: Iterable[Change]) -> list[dict[str, str]]:
    """Return what changes in the form that Ansible shows: content first, then permissions; no folders that a file implies."""
    spoken_of = (change for change in changes if not change.wanted.implied)
    return [part for change in spoken_of for part in (content_diff(change), permissions_diff(change)) if part]


def content_diff(change: Change) -> dict[str, str]:
    """Return what happens to the content of a path."""
    wanted, found = change.wanted, change.found
    before = shown(found.kind, found.content, found.target, wanted.secret)
    after = shown(wanted.kind, wanted.content, wanted.target, wanted.secret)
    if wanted.secret and wanted.kind == found.kind == FILE and wanted.content != found.content:
        after = "(other secret content)\n"
    return {} if before == after else framed(change, before, after)


def shown(kind: str, content: bytes, target: str, secret: bool) -> str:
    """Return what a person may see of a path."""
    if kind == ABSENT:
        return ""
    if kind == LINK:
        return f"link to {target}\n"
    if kind == DIRECTORY:
        return "folder\n"
    if secret:
        return "(secret content)\n"
    if b"\0" in content or len(content) > LARGEST_SHOWN:
        return f"({len(content)} bytes, checksum {zlib.crc32(content):08x})\n"
    return content.decode(errors="replace") or "(empty file)\n"


def permissions_diff(change: Change) -> dict[str, str]:
    """Return what happens to the permissions of a path that was there; those of a new one are in the other diff's header."""
    wanted, found = change.wanted, change.found
    if wanted.kind not in (FILE, DIRECTORY) or found.kind != wanted.kind or not permissions_differ(wanted, found):
        return {}
    before = f"{account_name(found.uid)}:{group_name(found.gid)} {found.mode:04o}\n"
    return framed(change, before, f"{permissions_of(wanted)}\n")


def permissions_of(wanted: Wanted) -> str:
    """Return owner, group and mode as one text."""
    return f"{wanted.owner}:{wanted.group} {wanted.mode:04o}"


def account_name(number: int) -> str:
    """Return the name of an account, or its number when it has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    """Return the name of a group, or its number when it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def framed(change: Change, before: str, after: str) -> dict[str, str]:
    """Return a part of the diff under the path's name."""
    is_new = change.wanted.kind in (FILE, DIRECTORY) and change.found.kind != change.wanted.kind
    header = f"{change.path} ({permissions_of(change.wanted)})" if is_new else change.path
    return {"before_header": change.path, "after_header": header, "before": before, "after": after}
