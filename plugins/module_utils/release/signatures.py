# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public keys that may vouch for a source: how an inventory says them, and how git is told of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GPG_BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
SSH_KEY_TYPE = re.compile(r"(sk-)?(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521))(@openssh\.com)?")
SSH_KEY = re.compile(rf"({SSH_KEY_TYPE.pattern}) +[A-Za-z0-9+/]{{32,}}={{0,3}}( .*)?")
# One line of an allowed signers file, as ssh-keygen(1) describes it: who, options, key.
ALLOWED_SIGNER = re.compile(rf"[^\s#]\S* +(\S+ +)?{SSH_KEY.pattern}")


def kind_of(key: str) -> str:
    """Return what a key is: ``gpg``, ``ssh`` (a public key), ``signer`` (a line of allowed signers), or nothing.

    :param key: its text, as an inventory has it.
    """
    text = key.strip()
    if text.startswith(GPG_BLOCK):
        return "gpg"
    if SSH_KEY.fullmatch(text):
        return "ssh"
    return "signer" if ALLOWED_SIGNER.fullmatch(text) else ""


@dataclass(frozen=True)
class Keyring:
    """The keys as git's helpers read them.

    :param folder: a folder of the account that runs git, for as long as it verifies.
    """

    folder: Path
    keys: Sequence[str]

    @property
    def allowed_signers(self) -> str:
        """The text of the file of SSH keys."""
        lines = []
        for key in self.keys:
            kind = kind_of(key)
            if kind == "ssh":
                lines.append(f'* namespaces="git" {key.strip()}')
            elif kind == "signer":
                lines.append(key.strip())
        return "".join(f"{line}\n" for line in lines)

    @property
    def gpg_keys(self) -> str:
        """The text of all GPG keys."""
        return "\n".join(key.strip() for key in self.keys if kind_of(key) == "gpg")

    @property
    def gpg_home(self) -> Path:
        """Where GPG has these keys and no others."""
        return self.folder / "gpg"

    @property
    def environment(self) -> Mapping[str, str]:
        """What git and GPG are told: nothing that claims to stand in for an object counts."""
        return {"GNUPGHOME": str(self.gpg_home), "GIT_NO_REPLACE_OBJECTS": "1"}

    def options(self) -> Iterator[str]:
        """Yield git's options. All are said, since the account that builds could have set them in its repository."""
        told = {
            "gpg.ssh.allowedSignersFile": str(self.folder / "allowed_signers"),
            "gpg.ssh.program": "ssh-keygen",
            "gpg.program": "gpg",
            "gpg.openpgp.program": "gpg",
            "gpg.x509.program": "/bin/false",
            "gpg.minTrustLevel": "undefined",
        }
        for name, value in told.items():
            yield from ("-c", f"{name}={value}")
