# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts that may sign in with a key and become root: each part finds its own work and can do it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

RULES = Path("/etc/sudoers.d")
GRANT = re.compile(r"^(\S+) ALL=", re.MULTILINE)
FIRST_PERSON = 1000
SERVER_WORDS = {"root": "permitrootlogin", "passwords": "passwordauthentication"}


@dataclass(frozen=True)
class Step:
    """One thing to bring about, and what does it."""

    name: str
    take: Callable[[], None]


@dataclass(frozen=True)
class Host:
    """Where accounts are kept, and for which site; another one on the same host has administrators of its own."""

    run: Run
    site: str
    rules: Path = RULES
    find: Callable[[str], pwd.struct_passwd] = pwd.getpwnam

    @property
    def sudoers(self) -> Path:
        """Return the file that lets the site's administrators become root."""
        return self.rules / f"hotclub-{self.site}"

    @property
    def marks(self) -> tuple[str, str]:
        """Return the lines around the keys that we keep for the site."""
        return f"# BEGIN hotclub.django {self.site}", f"# END hotclub.django {self.site}"

    def account(self, name: str) -> pwd.struct_passwd | None:
        """Return what the system knows of an account."""
        try:
            return self.find(name)
        except KeyError:
            return None

    def call(self, command: Sequence[str]) -> None:
        """Run a program that has to succeed."""
        done = self.run(list(command))
        if done.code:
            raise Trouble(f"{' '.join(command)} failed: {done.output or f'exit code {done.code}'}")

    def granted(self) -> list[str]:
        """Return who may become root by our own rule."""
        return GRANT.findall(self.sudoers.read_text()) if self.sudoers.exists() else []


def steps(host: Host, wanted: Mapping[str, Sequence[str]], signed_in: str) -> Iterator[Step]:
    """Find what differs, the accounts first and the right to become root last."""
    if signed_in in host.granted() and signed_in not in wanted:
        raise Trouble(
            f"{signed_in}, as whom this run has signed in, is no longer among the administrators and could not come back. "
            "Put it on the list again, or sign in as another one of them to take it off."
        )
    for name, keys in wanted.items():
        yield from account_steps(host, name)
        yield from key_steps(host, name, keys)
    for name in host.granted():
        if name not in wanted:
            yield from key_steps(host, name, [])
    if sorted(host.granted()) != sorted(wanted):
        yield Step(f"right to become root of {', '.join(sorted({*wanted, *host.granted()}))}", lambda: grant(host, list(wanted)))


def account_steps(host: Host, name: str) -> Iterator[Step]:
    """Find whether an account is missing, or is not a person's."""
    account = host.account(name)
    if account is None:
        yield Step(f"account {name}", lambda: host.call(["useradd", "--create-home", "--shell", "/bin/bash", name]))
    elif account.pw_uid < FIRST_PERSON:
        raise Trouble(f"{name} is an account of the system's own. Give the administrator another name.")
    elif not account.pw_shell.endswith("sh"):
        raise Trouble(f"{name} can't sign in: its shell is {account.pw_shell}. Give it one, or take another name.")


def key_steps(host: Host, name: str, keys: Sequence[str]) -> Iterator[Step]:
    """Find whether the keys that we keep for an account differ."""
    account = host.account(name)
    if account is None:
        if keys:
            yield Step(f"keys of {name}", lambda: write_keys(host, name, keys))
        return
    if keys_text(host, read_keys(account), keys) != read_keys(account):
        yield Step(f"keys of {name}", lambda: write_keys(host, name, keys))


def keys_file(account: pwd.struct_passwd) -> Path:
    """Return where the SSH server looks for an account's keys."""
    return Path(account.pw_dir) / ".ssh" / "authorized_keys"


def read_keys(account: pwd.struct_passwd) -> str:
    """Return all keys of an account."""
    with contextlib.suppress(FileNotFoundError):
        return keys_file(account).read_text()
    return ""


def keys_text(host: Host, present: str, keys: Sequence[str]) -> str:
    """Return the keys that an account has besides ours, with ours."""
    begin, end = host.marks
    before, _marker, rest = present.partition(f"{begin}\n")
    after = rest.partition(f"{end}\n")[2]
    ours = "\n".join([begin, *(key.strip() for key in keys), end]) + "\n" if keys else ""
    if ours and before and not before.endswith("\n"):
        before += "\n"
    return before + ours + after


def write_keys(host: Host, name: str, keys: Sequence[str]) -> None:
    """Write an account's keys, as the account's own, so that nothing but its own files can be meant."""
    account = host.account(name)
    if account is None:
        raise Trouble(f"{name} was not made.")
    file = keys_file(account)
    for path in (file.parent, file):
        if path.is_symlink():
            raise Trouble(f"{path} is a link. Put a folder or a file there.")
    with contextlib.suppress(FileExistsError):
        file.parent.mkdir(mode=0o700)
    write_atomically(file, keys_text(host, read_keys(account), keys), 0o600)
    for path in (file.parent, file):
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def grant(host: Host, names: Sequence[str]) -> None:
    """Let these become root, and nobody else by our rule. The rule is tested before it is in place."""
    if not names:
        host.sudoers.unlink(missing_ok=True)
        return
    text = f"# Administrators of {host.site}. They become root without a password, for they have none.\n"
    text += "".join(f"{name} ALL=(ALL:ALL) NOPASSWD: ALL\n" for name in sorted(names))
    # A name with a dot is not read.
    trial = host.rules / f"hotclub-{host.site}.trial"
    write_atomically(trial, text, 0o440)
    try:
        host.call(["visudo", "--check", "--quiet", "--file", str(trial)])
        os.replace(trial, host.sudoers)
    finally:
        trial.unlink(missing_ok=True)


def login(run: Run, environment: Mapping[str, str], signed_in: str = "") -> dict[str, str]:
    """Return which account signed in, and what the server lets it do.

    :param signed_in: the account of the SSH connection, where there is one. sudo tells it, too; su and doas don't.
    """
    found = {"account": signed_in or environment.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name}
    allowed = server_settings(run)
    return found | {
        name: allowed.get(word, "").replace("without-password", "prohibit-password") for name, word in SERVER_WORDS.items()
    }


def server_settings(run: Run) -> dict[str, str]:
    """Return the settings that the SSH server's files amount to; none when it can't read them."""
    shown = run(["sshd", "-T", "-C", "user=root,host=localhost,addr=127.0.0.1"])
    if shown.code:
        return {}
    return dict(line.split(" ", 1) for line in shown.stdout.splitlines() if " " in line)
