# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of files on a host: what is wanted, what is found, and the steps from one to the other.

Every change can be taken back: when a file can't be written, or the check of the finished set fails,
the host gets back what it had.
"""

from __future__ import annotations

import base64
import errno
import grp
import json
import os
import pwd
import shlex
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH, run
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import aside, is_of_others

ABSENT, DIRECTORY, FILE, LINK, OTHER = "absent", "directory", "file", "link", "other"


@dataclass(frozen=True)
class Wanted:
    """What shall be at a path."""

    path: str
    kind: str
    content: bytes = b""
    target: str = ""
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    implied: bool = False


@dataclass(frozen=True)
class Found:
    """What is at a path."""

    kind: str
    content: bytes = b""
    target: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0


@dataclass(frozen=True)
class Change:
    """A path whose state differs from the wanted one."""

    wanted: Wanted
    found: Found

    @property
    def path(self) -> str:
        """The path that changes."""
        return self.wanted.path


def pack(wanted: Iterable[Wanted]) -> str:
    """Return a set of files as one text for the way to the host."""
    records = [{**asdict(item), "content": base64.b64encode(item.content).decode()} for item in wanted]
    return base64.b64encode(zlib.compress(json.dumps(records).encode())).decode()


def unpack(payload: str) -> list[Wanted]:
    """Return the set of files that `pack` was given."""
    records = json.loads(zlib.decompress(base64.b64decode(payload)))
    return [Wanted(**{**record, "content": base64.b64decode(record["content"])}) for record in records]


def changes_of(wanted: Iterable[Wanted]) -> list[Change]:
    """Return the changes that a host needs, in the order in which they are possible."""
    compared = [Change(item, look(item.path)) for item in with_parents(list(wanted))]
    refuse_impossible(compared)
    return [change for change in compared if differs(change)]


def with_parents(wanted: list[Wanted]) -> list[Wanted]:
    """Return the set with every missing parent folder put before what needs it."""
    known: set[str] = set()
    complete: list[Wanted] = []
    for item in wanted:
        for parent in [] if item.kind == ABSENT else missing_parents(item.path):
            if parent not in known:
                known.add(parent)
                complete.append(Wanted(parent, DIRECTORY, mode=0o755, implied=True))
        known.add(item.path)
        complete.append(item)
    return complete


def missing_parents(path: str) -> list[str]:
    """Return the folders above a path that are not there, the topmost first."""
    parent = os.path.dirname(path)
    if parent == path or os.path.isdir(parent):
        return []
    return [*missing_parents(parent), parent]


def look(path: str) -> Found:
    """Return what is at a path, without following a link."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found(ABSENT)
    found = Found(kind_of(status.st_mode), uid=status.st_uid, gid=status.st_gid, mode=stat.S_IMODE(status.st_mode))
    if found.kind == LINK:
        return replace(found, target=os.readlink(path))
    if found.kind == FILE:
        with open(path, "rb") as file:
            return replace(found, content=file.read())
    return found


def kind_of(mode: int) -> str:
    """Return the kind of thing that a mode of stat(2) tells of."""
    if stat.S_ISREG(mode):
        return FILE
    if stat.S_ISLNK(mode):
        return LINK
    return DIRECTORY if stat.S_ISDIR(mode) else OTHER


def refuse_impossible(changes: Iterable[Change]) -> None:
    """Stop before anything changes where a folder stands in the way of a file, or the other way round."""
    for change in changes:
        wanted, found = change.wanted.kind, change.found.kind
        if (
            found == OTHER
            or (found == DIRECTORY and wanted != DIRECTORY)
            or (wanted == DIRECTORY and found not in (ABSENT, DIRECTORY))
        ):
            what = "neither a file, a link nor a folder" if found == OTHER else f"a {found}"
            purpose = "be removed" if wanted == ABSENT else f"become a {wanted}"
            raise Trouble(f"{change.path} can't {purpose}: it is {what}. Nothing was changed. Move it away, then run this again.")


def differs(change: Change) -> bool:
    """Say whether there is work at a path."""
    wanted, found = change.wanted, change.found
    if wanted.kind != found.kind:
        return True
    if wanted.kind == LINK:
        return wanted.target != found.target
    return wanted.kind != ABSENT and (wanted.content != found.content or permissions_differ(wanted, found))


def permissions_differ(wanted: Wanted, found: Found) -> bool:
    """Compare owner, group and mode; an account that does not exist yet owns nothing."""
    return (account_id(wanted.owner), group_id(wanted.group), wanted.mode) != (found.uid, found.gid, found.mode)


def account_id(name: str) -> int | None:
    """Return the number of an account, given by name or number, or None when there is none."""
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """Return the number of a group, given by name or number, or None when there is none."""
    if name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def of_others(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield the changes that replace a file which is somebody's work."""
    for change in changes:
        wanted, found = change.wanted, change.found
        if wanted.kind == found.kind == FILE and is_of_others(change.path, found.content, wanted.content):
            yield change


def keep(found: Found, path: str) -> None:
    """Keep a file that is about to be replaced, beside it; the first one, should there be several."""
    if not os.path.lexists(aside(path)):
        put(aside(path), FILE, found.content, found.uid, found.gid, found.mode)


def apply(changes: list[Change], check: str = "", remedy: str = "") -> None:
    """Make the changes and prove them; put everything back when either fails."""
    refuse_unknown_accounts(changes)
    begun: list[Change] = []
    try:
        for change in of_others(changes):
            keep(change.found, change.path)
        for change in changes:
            begun.append(change)
            make(change.wanted)
        if changes and check:
            prove(check, changes, remedy)
    except (OSError, Trouble) as error:
        raise Trouble(explain(error, put_back(begun))) from error


def refuse_unknown_accounts(changes: Iterable[Change]) -> None:
    """Stop before anything changes when an owner or a group does not exist."""
    for wanted in (change.wanted for change in changes if change.wanted.kind in (FILE, DIRECTORY)):
        for what, name, number in (
            ("user", wanted.owner, account_id(wanted.owner)),
            ("group", wanted.group, group_id(wanted.group)),
        ):
            if number is None:
                raise Trouble(
                    f"{wanted.path} shall belong to the {what} {name}, which does not exist on this host. "
                    f"Nothing was changed. Create the {what} first (its package may be missing), then run this again."
                )


def make(wanted: Wanted) -> None:
    """Bring one path into the wanted state."""
    if wanted.kind == ABSENT:
        os.unlink(wanted.path)
    elif wanted.kind == LINK:
        files.put_link(wanted.path, wanted.target)
    else:
        put(wanted.path, wanted.kind, wanted.content, account_id(wanted.owner) or 0, group_id(wanted.group) or 0, wanted.mode)


def put(path: str, kind: str, content: bytes, uid: int, gid: int, mode: int) -> None:
    """Write a file in one step, or make a folder; either with its permissions."""
    if kind == DIRECTORY:
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        os.chown(path, uid, gid)
        os.chmod(path, mode)
        return
    files.put(path, content, mode, (uid, gid))


def prove(check: str, changes: list[Change], remedy: str) -> None:
    """Run the check of the finished set."""
    command = shlex.split(check)
    if not shutil.which(command[0], path=PATH):
        raise Trouble(f"The check {check!r} can't run: this host has no program {command[0]}.")
    # Files that a check leaves behind, as nginx -t does logs, are not for everybody: that is how `run` does it.
    answer = run(command)
    if answer.code:
        paths = ", ".join(change.path for change in changes)
        objection = answer.output or f"exit code {answer.code}"
        raise Trouble("\n".join(filter(None, [f"{check!r} refuses what was written ({paths}):", objection, remedy])))


def put_back(begun: list[Change]) -> str:
    """Give the host back what it had, the last change first, and return in what state it is now."""
    failures = []
    for change in reversed(begun):
        try:
            restore(change.path, change.found)
        except OSError as error:
            failures.append(f"{change.path} ({error.strerror})")
    if failures:
        return f"What was there before can't be put back in {', '.join(failures)}: look at these files first."
    return "Every file is again as it was."


def restore(path: str, found: Found) -> None:
    """Give one path back what it had."""
    there = look(path)
    if there == found:
        return
    if there.kind == DIRECTORY and found.kind == ABSENT:
        os.rmdir(path)
    elif found.kind == ABSENT:
        os.unlink(path)
    elif found.kind == LINK:
        files.put_link(path, found.target)
    else:
        put(path, found.kind, found.content, found.uid, found.gid, found.mode)


def explain(error: OSError | Trouble, state: str) -> str:
    """Return the failure as cause, state and remedy."""
    if isinstance(error, Trouble):
        return f"{error}\n{state}"
    file = error.filename or "A file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {file} can't be written. {state} Make room (df -h shows where), then run this again."
    return f"{file} can't be written: {error.strerror}. {state}"
