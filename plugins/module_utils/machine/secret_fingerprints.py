# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fingerprints of a site's secrets on a host, by which a controller with other secrets, or none, is known.

A fingerprint can't be turned back into a secret: it is slow to work out, salted for each host, and so short that many secrets
have the same one, so that a short secret can't be found by trying either. Only root can read the file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import glob
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import parse

FOLDER = Path("/var/lib/hotclub/secrets")
# Some milliseconds and 2 MiB for each.
COST, BLOCK_SIZE, LENGTH = 2**11, 8, 4
# What told the fingerprints: the file with them, or the site's own files, on a host from before there was one.
KEPT, DERIVED = "kept", "derived"
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def fingerprint(salt: str, name: str, secret: str) -> str:
    """Return the fingerprint of a secret.

    :param salt: of the host.
    :param name: of the secret, so that two secrets that are the same don't show it.
    """
    salted = f"{salt}:{name}".encode()
    return hashlib.scrypt(secret.encode(), salt=salted, n=COST, r=BLOCK_SIZE, p=1, dklen=LENGTH).hex()


def certificates(text: str) -> list[str]:
    """Return what stands for each of the certificates in a text."""
    found = []
    for body in CERTIFICATE.findall(text):
        with contextlib.suppress(binascii.Error):
            found.append(hashlib.sha256(base64.b64decode(body)).hexdigest())
    return found


def look(name: str, root: str, certificate_folders: Iterable[str] = (), folder: Path = FOLDER) -> dict[str, Any]:
    """Return what a host knows of a site's secrets.

    :param name: of the site.
    :param root: the folder that holds everything of the site.
    :param certificate_folders: where certificates of the site's authority are, patterns among them.
    :returns: ``exists``, whether the site is on this host; ``source``, where its fingerprints are from, empty when there are
        none; ``salt``; ``known``, for each secret the fingerprints of which one has to fit.
    """
    environment = Path(root) / "etc" / "environment"
    kept = _read(folder / f"{name}.json")
    exists = environment.is_file()
    if kept:
        known = {secret: [value] for secret, value in kept["known"].items()}
        return {"exists": exists or bool(known), "source": KEPT, "salt": kept["salt"], "known": known}
    salt = secrets.token_hex(16)
    values = _derived(environment, certificate_folders)
    known = {secret: [fingerprint(salt, secret, value) for value in there] for secret, there in values.items() if there}
    return {"exists": exists, "source": DERIVED if exists or known else "", "salt": salt, "known": known}


def keep(name: str, salt: str, known: Mapping[str, str], checking: bool = False, folder: Path = FOLDER) -> bool:
    """Write the fingerprints of a site's secrets, and say whether they were others."""
    path = folder / f"{name}.json"
    wanted = {"salt": salt, "known": dict(known)}
    if _read(path) == wanted:
        return False
    if not checking:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(path, json.dumps(wanted, indent=2, sort_keys=True) + "\n", 0o600)
    return True


def forget(name: str, checking: bool = False, folder: Path = FOLDER) -> bool:
    """Remove the fingerprints of a site that leaves the host, and say whether there were any."""
    path = folder / f"{name}.json"
    there = path.exists()
    if there and not checking:
        path.unlink()
    return there


def _read(path: Path) -> dict[str, Any]:
    """Return what the file says; nothing when there is none, or only a part of one."""
    try:
        kept = json.loads(path.read_text())
        return {"salt": str(kept["salt"]), "known": {str(name): str(value) for name, value in kept["known"].items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _derived(environment: Path, certificate_folders: Iterable[str]) -> dict[str, list[str]]:
    """Return the secrets that the site's own files hold."""
    try:
        variables = parse(environment.read_text())
    except OSError:
        variables = {}
    found = {"secret_key": [variables.get("SECRET_KEY", "")], "database_password": [_password(variables.get("DATABASE_URL", ""))]}
    trusted = [text for pattern in certificate_folders for text in _authorities(pattern)]
    return {name: [value for value in values if value] for name, values in found.items()} | {"authority": trusted}


def _password(url: str) -> str:
    with contextlib.suppress(ValueError):
        return unquote(urlsplit(url).password or "")
    return ""


def _authorities(pattern: str) -> list[str]:
    found = []
    for path in sorted(glob.glob(os.path.join(pattern, "authority.pem"))):
        with contextlib.suppress(OSError, UnicodeError):
            found += certificates(Path(path).read_text())
    return found
