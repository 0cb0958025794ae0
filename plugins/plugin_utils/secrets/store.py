# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The secrets that are generated for a site: one file each on the controller, with all that a rotation must remember.

The first line of a file is the secret that is in use. During and after a rotation more lines say how far it is. Each step
is one atomic replacement of one file, so that a run may end anywhere and the next one goes on from there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shlex
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.plugin_utils.core import (
    AnsibleVaultError,
    VaultLib,
    configured_vault,
    match_encrypt_secret,
)

# Letters and digits need no quoting, neither in a URL nor in an environment file.
ALPHABET = string.ascii_letters + string.digits
# How far a rotation is: the following secret is made, it is in use everywhere, the one before it is accepted no more.
ANNOUNCED, SWITCHED, CLOSED = "announced", "switched", "closed"
# Where this variable is true, nothing is worked out for a host, and a secret that is not there yet is not made.
PREVIEW = "__secret_preview"
HOW_TO_NAME_THE_FILE = (
    "name the file that holds the vault password in ANSIBLE_VAULT_PASSWORD_FILE, or as vault_password_file in ansible.cfg"
)


@dataclass(frozen=True)
class Secret:
    """One secret and its rotation."""

    current: str = ""
    # How often it has been replaced.
    turn: int = 0
    # How far a rotation is; empty when there is none.
    step: str = ""
    following: str = ""
    # Those before it that are still accepted, the newest first.
    earlier: tuple[str, ...] = ()

    @property
    def fallbacks(self) -> list[str]:
        """What is accepted besides the present one."""
        return [*([self.following] if self.following else []), *self.earlier]


def parse(text: str) -> Secret:
    """Return what a file says. Whatever follows the secret in its line is not ours."""
    first, *lines = text.splitlines() or [""]
    words = [line.split(" ", 1) for line in lines if " " in line]
    said = {word: value for word, value in words if word != "earlier"}
    return Secret(
        current=(first.split() or [""])[0],
        turn=int(said.get("turn", 0)),
        step=said.get("step", ""),
        following=said.get("following", ""),
        earlier=tuple(value for word, value in words if word == "earlier"),
    )


def render(secret: Secret) -> str:
    """Return the text of a file."""
    said = {"turn": secret.turn, "step": secret.step, "following": secret.following}
    lines = [f"{word} {value}" for word, value in said.items() if value]
    return "\n".join([secret.current, *lines, *(f"earlier {value}" for value in secret.earlier)]) + "\n"


def generated(length: int) -> str:
    """Return a new secret."""
    return "".join(secrets.choice(ALPHABET) for _place in range(length))


def announced(secret: Secret) -> Secret:
    """Begin a rotation: make the secret that follows. One that has begun goes on with what it has made."""
    return secret if secret.step else replace(secret, step=ANNOUNCED, following=generated(len(secret.current)))


def switched(secret: Secret) -> Secret:
    """Use the secret that follows, and accept the present one still."""
    if secret.step != ANNOUNCED:
        return secret
    return Secret(secret.following, secret.turn + 1, SWITCHED, earlier=(secret.current, *secret.earlier))


def closed(secret: Secret) -> Secret:
    """Accept the one before it no more, where that is not for the site itself to decide."""
    return replace(secret, step=CLOSED) if secret.step == SWITCHED else secret


def finished(secret: Secret) -> Secret:
    """End the rotation."""
    return replace(secret, step="") if secret.step == CLOSED else secret


def forgotten(secret: Secret) -> Secret:
    """Forget those before it."""
    return secret if secret.step else replace(secret, earlier=())


STEPS: dict[str, Callable[[Secret], Secret]] = {
    "announced": announced,
    "switched": switched,
    "closed": closed,
    "finished": finished,
    "forgotten": forgotten,
}


class SecretStore:
    """A folder of secrets, each encrypted where a vault password is configured."""

    def __init__(self, folder: Path, vault_secrets: Sequence[tuple[str, Any]] | None = None) -> None:
        self.folder = folder
        self._secrets = list(configured_vault() if vault_secrets is None else vault_secrets)

    def read(self, name: str) -> Secret:
        """Return a secret; an empty one when there is none yet.

        :raises AnsibleError: it can't be read or decrypted; says what to do.
        """
        path = self.folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return Secret()
        except OSError as error:
            raise AnsibleError(f"The secret in {path} can't be read: {error.strerror}.") from error
        return parse(self._decrypted(path, content).decode())

    def obtain(self, name: str, length: int) -> Secret:
        """Return a secret, made now if there is none yet."""
        secret = self.read(name)
        return secret if secret.current else self.change(name, lambda known: _begun(known, length))[1]

    def preview(self, name: str, length: int) -> Secret:
        """Return a secret, or one that looks like it where there is none yet."""
        return _begun(self.read(name), length)

    def change(self, name: str, step: Callable[[Secret], Secret]) -> tuple[Secret, Secret]:
        """Take a step with a secret, and return what it was and what it is now."""
        with self._locked():
            before = self.read(name)
            after = step(before)
            if after != before:
                put(self.folder / name, self._encrypted(render(after).encode()), 0o600)
        return before, after

    def problems(self) -> list[str]:
        """Return why secrets can't be read, each with its remedy."""
        found = []
        for path in self._files():
            try:
                self.read(path.name)
            except AnsibleError as error:
                found.append(str(error))
        return found

    def warnings(self) -> list[str]:
        """Return what the operator should know of the folder, each with its remedy."""
        files = self._files()
        plain = [path.name for path in files if not VaultLib.is_encrypted(path.read_bytes())]
        found = []
        if not self._secrets and (plain or not files):
            then = f"; then run {self._encrypt(plain)}" if plain else ""
            found.append(
                f"Generated secrets are kept in plain text in {self.folder}, readable by you alone. "
                f"To have them encrypted, {HOW_TO_NAME_THE_FILE}{then}."
            )
        elif plain:
            found.append(f"Secrets are in plain text in {self.folder}, though there is a vault password: {self._encrypt(plain)}.")
        with contextlib.suppress(AnsibleError):
            found.extend(
                f"The rotation of {path.name} has not ended. Run playbooks/rotate.yml -e rotate_what={path.name} again."
                for path in files
                if self.read(path.name).step
            )
        return found

    @property
    def is_empty(self) -> bool:
        """Whether no secret has been made here yet."""
        return not self._files()

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if path.is_file() and not path.name.startswith("."))

    def _encrypt(self, names: Sequence[str]) -> str:
        return f"ansible-vault encrypt {' '.join(shlex.quote(str(self.folder / name)) for name in names)}"

    def _decrypted(self, path: Path, content: bytes) -> bytes:
        if not VaultLib.is_encrypted(content):
            return content
        if not self._secrets:
            raise AnsibleError(f"{path} is encrypted, and no vault password is given: {HOW_TO_NAME_THE_FILE}.")
        try:
            return bytes(VaultLib(self._secrets).decrypt(content))
        except AnsibleVaultError as error:
            raise AnsibleError(
                f"{path} is encrypted with another vault password than the one given. Name the right one."
            ) from error

    def _encrypted(self, content: bytes) -> bytes:
        if not self._secrets:
            return content
        vault_id, secret = match_encrypt_secret(self._secrets, encrypt_vault_id=constants.DEFAULT_VAULT_ENCRYPT_IDENTITY)
        return bytes(VaultLib(self._secrets).encrypt(content, secret, vault_id))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep all other processes of this machine from changing the folder meanwhile."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise AnsibleError(f"The folder of the site's secrets, {self.folder}, can't be used: {error.strerror}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _begun(secret: Secret, length: int) -> Secret:
    return secret if secret.current else replace(secret, current=generated(length))
