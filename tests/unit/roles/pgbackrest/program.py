"""The program that makes the backups, as it lies on the host of PostgreSQL."""

from __future__ import annotations

import sys
from typing import Any

from tools.docs import CHECKOUT

# Python puts the folder of a program there as well.
sys.path.append(str(CHECKOUT / "roles/pgbackrest/templates/usr/local/lib/hotclub/backups"))

import drill
import due
import kept
import pgbackrest
import postgres
import turns
import wal

__all__ = ["drill", "due", "kept", "pgbackrest", "postgres", "turns", "wal"]

DAY = 86400.0
# A Monday, at noon.
NOON = 1_800_014_400.0


def backup(kind: str, days_ago: float, first: int = 1, now: float = NOON, timeline: int = 1) -> dict[str, Any]:
    """A backup as pgBackRest tells of it, an hour long."""
    start = now - days_ago * DAY
    return {
        "label": f"{kind}-{days_ago}",
        "type": kind,
        "timestamp": {"start": start, "stop": start + 3600},
        "archive": {"start": str(wal.File(timeline, first)), "stop": str(wal.File(timeline, first + 1))},
        "database": {"id": 1, "repo-key": 1},
        "info": {"size": 1024, "repository": {"delta": 100 * 2**20}},
        "error": False,
    }
