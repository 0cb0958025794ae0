# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts of services, as a file for systemd-sysusers describes them, which makes missing ones and leaves others as they are."""

from __future__ import annotations

import grp
import pwd
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

# What an account gets for which the file names none.
NO_SHELL = "/usr/sbin/nologin"


@dataclass(frozen=True)
class Step:
    """One thing to bring about: how it is, how it shall be, and the command that brings it there."""

    name: str
    before: str
    after: str
    command: Sequence[str]


@dataclass(frozen=True)
class Accounts:
    """What the system knows of accounts and groups."""

    user: Callable[[str], pwd.struct_passwd] = pwd.getpwnam
    group: Callable[[str], grp.struct_group] = grp.getgrnam

    def find_user(self, name: str) -> pwd.struct_passwd | None:
        """Return an account; None where there is none."""
        try:
            return self.user(name)
        except KeyError:
            return None

    def find_group(self, name: str) -> grp.struct_group | None:
        """Return a group; None where there is none."""
        try:
            return self.group(name)
        except KeyError:
            return None


def steps(path: str, text: str, known: Accounts) -> Iterator[Step]:
    """Find what differs from the file. Groups that an account is in besides stay: somebody may have had a reason.

    :param path: of the file.
    :param text: its lines.
    """
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    users = [line for line in lines if line and line[0] == "u"]
    missing = [line[1] for line in users if not (known.find_user(line[1]) and known.find_group(line[1]))]
    if missing:
        yield Step(f"account {', '.join(missing)}", "missing", "there", ["systemd-sysusers", path])
    for _kind, name, *rest in users:
        if name not in missing:
            yield from _differences(name, rest[3] if len(rest) > 3 else NO_SHELL, known)
    for _kind, name, group in (line for line in lines if line and line[0] == "m"):
        if not {name, group} & set(missing) and not _belongs(name, group, known):
            yield Step(f"group {group} of {name}", "no member", "member", ["usermod", "--append", "--groups", group, name])


def _differences(name: str, shell: str, known: Accounts) -> Iterator[Step]:
    account, group = known.find_user(name), known.find_group(name)
    if account is None or group is None:
        return
    if account.pw_shell != shell:
        yield Step(f"shell of {name}", account.pw_shell, shell, ["usermod", "--shell", shell, name])
    if account.pw_gid != group.gr_gid:
        yield Step(f"first group of {name}", str(account.pw_gid), str(group.gr_gid), ["usermod", "--gid", name, name])


def _belongs(name: str, group: str, known: Accounts) -> bool:
    found, account = known.find_group(group), known.find_user(name)
    return bool(found and account and (name in found.gr_mem or account.pw_gid == found.gr_gid))


def take(step: Step, run: Run) -> None:
    """Have a step taken.

    :raises Trouble: its program refuses.
    """
    done = run(list(step.command))
    if done.code:
        raise Trouble(
            f"{step.name} is {step.before}, and {' '.join(step.command)} failed: {done.output or f'exit code {done.code}'}",
            "Correct the account in /etc/passwd and /etc/group (vipw and vigr on the host), then run this again.",
        )
