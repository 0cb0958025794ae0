"""Files and links that change in one step, and the folders of a certificate's versions."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

# A program that is just reading the one before finishes.
KEPT_VERSIONS = 2


def write_version(folder: Path, files: Mapping[str, tuple[str, int]], versions: str = "versions") -> Path:
    """Write a certificate with its key into a folder of its own."""
    version = folder / versions / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
    version.mkdir(mode=0o755, parents=True)
    for name, (content, mode) in files.items():
        put(version / name, content, mode)
    return version


def put(path: Path, content: str, mode: int) -> None:
    """Write a file in one step, which nobody else can read before its permissions are right."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(3)}")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def point(link: Path, target: str) -> None:
    """Let a link lead to a target in one step, whatever was there."""
    beside = link.with_name(f".{link.name}.{secrets.token_hex(3)}")
    beside.symlink_to(target)
    os.replace(beside, link)
    sync(link.parent)


def prune(versions: Path, newest: str) -> None:
    """Remove what nobody reads any more."""
    others = sorted((path for path in versions.iterdir() if path.name != newest), key=lambda path: path.name)
    for path in others[: max(len(others) - KEPT_VERSIONS + 1, 0)]:
        shutil.rmtree(path)
