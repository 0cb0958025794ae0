# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate and its key in a folder of the host, made, replaced and read so that the two always fit each other.

The names that programs read are links through one link, ``current``, to a folder that holds one certificate with its key.
A new one is complete before ``current`` leads to it, and leads to it in one step.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically, prune, put
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

CHAIN, KEY, AUTHORITY, COMBINED = "fullchain.pem", "privkey.pem", "authority.pem", "combined.pem"
# The one before the current one stays: a program that is just reading it finishes.
KEPT_VERSIONS = 2


@dataclass(frozen=True)
class Folder:
    """The folder of one certificate."""

    path: Path
    owner: str
    group: str
    key_mode: int
    combined: bool
    run: Run

    @classmethod
    def of(cls, wanted: Mapping[str, Any], run: Run) -> Folder:
        """Return the folder that a task describes."""
        return cls(
            Path(wanted["path"]),
            wanted["owner"],
            wanted["group"],
            int(wanted["key_mode"], 8),
            bool(wanted["combined"]),
            run,
        )

    @property
    def modes(self) -> dict[str, int]:
        """The files of a version, and the permissions of each."""
        files = {CHAIN: 0o644, AUTHORITY: 0o644, KEY: self.key_mode}
        return files | ({COMBINED: self.key_mode} if self.combined else {})

    @property
    def versions(self) -> Path:
        """Where the certificates are, each with its key."""
        return self.path / "versions"

    @property
    def next_key(self) -> Path:
        """Where a key waits for its certificate."""
        return self.path / "next" / KEY

    def look(self) -> dict[str, Any]:
        """Return what is there: public parts as text, and whether the key is the certificate's."""
        return {
            "path": str(self.path),
            "chain": _text(self.path / CHAIN),
            "authority": _text(self.path / AUTHORITY),
            "key_fits": self._key_fits(),
            "complete": all((self.path / name).is_file() for name in self.modes),
        }

    def _key_fits(self) -> bool:
        chain, key = self.path / CHAIN, self.path / KEY
        if not (chain.is_file() and key.is_file()):
            return False
        certified = self._public_key(["x509", "-in", str(chain), "-noout", "-pubkey"])
        held = self._public_key(["pkey", "-in", str(key), "-pubout"])
        return bool(held) and certified == held

    def _public_key(self, command: list[str]) -> str:
        told = self.run(["openssl", *command])
        return "" if told.code else told.stdout.strip()

    def request(self) -> str:
        """Make a key that never leaves the host, and return a request for its certificate."""
        _make_folder(self.path)
        shutil.rmtree(self.next_key.parent, ignore_errors=True)
        self.next_key.parent.mkdir(mode=0o700)
        # Made with its permissions, before there is anything to read in it.
        os.close(os.open(self.next_key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._must(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(self.next_key)])
        return self._must(["req", "-new", "-key", str(self.next_key), "-subj", "/CN=request"])

    def install(self, chain: str, authority: str, key: str = "") -> None:
        """Put a certificate in place together with its key: the one that waits for it, or a given one."""
        _make_folder(self.path)
        _make_folder(self.versions)
        version = self.versions / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        version.mkdir(mode=0o755)
        key = key or _text(self.next_key)
        trusted = self.path / AUTHORITY
        trusted_since = (
            trusted.stat().st_mtime_ns if trusted.is_file() and _certificates(_text(trusted)) == _certificates(authority) else 0
        )
        contents = {CHAIN: chain, AUTHORITY: authority, KEY: key, COMBINED: key.rstrip("\n") + "\n" + chain}
        for name, mode in self.modes.items():
            put(version / name, contents[name], mode, self._ids(name))
        if trusted_since:
            # Its time tells what reads it once, at its start, whether it has to start anew.
            os.utime(version / AUTHORITY, ns=(trusted_since, trusted_since))
        link_atomically(self.path / "current", f"versions/{version.name}")
        for name in self.modes:
            link_atomically(self.path / name, f"current/{name}")
        shutil.rmtree(self.next_key.parent, ignore_errors=True)
        prune(self.versions, version.name, KEPT_VERSIONS)

    def wrong_permissions(self) -> Iterator[str]:
        """Yield the files that others may read or change than shall."""
        with contextlib.suppress(Trouble):
            for name, mode in self.modes.items():
                if (file := self.path / name).is_file():
                    found = file.stat()
                    if (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, *self._ids(name)):
                        yield str(file)

    def permit(self) -> None:
        """Give every file its permissions."""
        for name, mode in self.modes.items():
            if (file := self.path / name).is_file():
                os.chown(file, *self._ids(name))
                os.chmod(file, mode)

    def _ids(self, name: str) -> tuple[int, int]:
        """Return whom a file belongs to: who needs the key has no need to change what is public, such as whom to trust."""
        if name in (CHAIN, AUTHORITY):
            return os.geteuid(), os.getegid()
        try:
            return pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise Trouble(
                f"The certificate in {self.path} is for {self.owner}:{self.group}, and this host has no such account or group. "
                "Install what brings it first."
            ) from None

    def _must(self, command: list[str]) -> str:
        told = self.run(["openssl", *command])
        if told.code:
            raise Trouble(f"openssl {command[0]} failed for {self.path}:\n{told.output}")
        return told.stdout


def _text(path: Path) -> str:
    """Return a file's content; nothing when there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _certificates(text: str) -> list[str]:
    """Return the certificates of a file, in the same order whatever theirs is."""
    return sorted(part.strip() for part in text.split("-----END CERTIFICATE-----"))


def _make_folder(path: Path) -> None:
    """Make a folder that everybody may enter, and those above it."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
