"""What was issued is put where the web server reads it, or taken back."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

from certificates import AUTHORITY, CHAIN, KEY, Certificate, proven
from failures import AcmeError
from moments import day
from settings import Settings
from versions import point, prune, write_version

# Chain, key and whose they are in one piece, for other balancers. Read by root alone, like the key.
OFFER = "offer.json"


def is_installed(settings: Settings) -> bool:
    """Say whether what was issued last is what the web server reads."""
    issued, read = Certificate.at(settings.newest / CHAIN), Certificate.at(Path(settings.certificate_path) / CHAIN)
    return issued is not None and issued == read


def install(settings: Settings) -> None:
    """Put what was issued where the web server reads it, unless it is there.

    :raises AcmeError: it is not fit to be served, or the web server refuses it; the old one is in place.
    """
    folder = Path(settings.certificate_path)
    if is_installed(settings) and (folder / OFFER).exists():
        return
    chain, key = (_given(settings.newest / name) for name in (CHAIN, KEY))
    certificate = proven(settings, chain, key, time.time())
    offer = json.dumps({"directory": settings.directory, CHAIN: chain, KEY: key})
    files = {CHAIN: (chain, 0o644), AUTHORITY: (certificate.issuers, 0o644), KEY: (key, 0o600), OFFER: (offer, 0o600)}
    version = write_version(folder, files)
    before = os.readlink(folder / "current") if (folder / "current").is_symlink() else ""
    point(folder / "current", f"versions/{version.name}")
    for name in files:
        point(folder / name, f"current/{name}")
    checked = subprocess.run(shlex.split(settings.check_command), capture_output=True, text=True, check=False)
    if checked.returncode:
        if before:
            point(folder / "current", before)
        said = (checked.stdout + checked.stderr).strip()
        raise AcmeError(f"The new certificate was taken back: {settings.check_command} says\n{said}", "install")
    # Before the reload: what changes after it would look as if the web server had not read it.
    prune(folder / "versions", version.name)
    subprocess.run(shlex.split(settings.reload_command), check=True)
    print(f"It is served, and valid until {day(certificate.ends)}.")


def _given(path: Path) -> str:
    """Return the text of a file that certbot wrote."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        raise AcmeError(f"{path} can't be read.", "install") from None
