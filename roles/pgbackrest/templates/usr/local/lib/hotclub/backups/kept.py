"""What is said of this host's backups, and what is remembered of them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/hotclub/backups.json")
STATE = Path("/var/lib/hotclub-backups")
POINTS_AT_MOST = 200


class Busy(Exception):  # noqa: N818 - no error of the program
    """Another backup or drill is under way."""


@dataclass(frozen=True)
class Settings:
    """What a run of the role has written down."""

    site: str
    version: str
    cluster: str
    port: int
    # Each with its number, where it is, and whether that is another machine.
    repositories: tuple[dict[str, Any], ...]
    hour: int
    full_days: int
    drill_days: int

    @classmethod
    def read(cls, path: Path = SETTINGS) -> Settings:
        """Read them; what a later version may add is none of this one's business."""
        said = json.loads(path.read_text(encoding="utf-8"))
        known = {name: said[name] for name in cls.__dataclass_fields__}
        return cls(**{**known, "repositories": tuple(known["repositories"])})


class Kept:
    """What is remembered of a site's backups, where a restore doesn't reach it."""

    def __init__(self, site: str, folder: Path = STATE) -> None:
        self.folder = folder
        # Another site may have been backed up here before, of which these remember nothing.
        self.notes = folder / "sites" / site
        # Its presence has PostgreSQL archive.
        self.archived = folder / "archived"

    def read(self, name: str, default: Any) -> Any:
        """Return what is remembered under a name."""
        try:
            return json.loads((self.notes / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return default

    def write(self, name: str, value: Any) -> None:
        """Remember something."""
        self.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.notes / f"{name}.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        os.replace(beside, path)

    def remember_point(self, name: str, moment: float, timeline: int) -> None:
        """Remember when a moment was named, and on which timeline; the last one of a name counts."""
        points = {**self.read("points", {})}
        points.pop(name, None)
        points[name] = {"moment": moment, "timeline": timeline}
        self.write("points", dict(list(points.items())[-POINTS_AT_MOST:]))

    def remember_return(self, since: float) -> None:
        """Remember that the server went back: what it did from that moment up to now is on no way to a later one."""
        returns = [*self.read("returns", []), {"since": since, "until": time.time()}]
        self.write("returns", returns[-POINTS_AT_MOST:])

    @contextlib.contextmanager
    def alone(self, seconds: float = 0) -> Iterator[None]:
        """Be the only one who makes backups for a while.

        :raises Busy: somebody else does, still after these seconds.
        """
        end = time.monotonic() + seconds
        with open(self.folder / "lock", "w", encoding="utf-8") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= end:
                        raise Busy(
                            "Another backup or drill is under way. Wait for its end: journalctl -fu hotclub-backups"
                        ) from None
                    time.sleep(0.5)
            yield
