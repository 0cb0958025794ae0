"""What was issued, what failed, and until when the authority is left alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failures import AcmeError
from settings import Settings
from versions import put

HOUR = 3600
# Public authorities stop listening after five failures of a name in an hour.
FAILURES_AN_HOUR = 4


@dataclass
class Memory:
    """What was issued, and what failed."""

    path: Path
    issued: dict[str, Any]
    failure: dict[str, Any]
    # When the authority was asked in vain.
    attempts: list[float]

    @classmethod
    def at(cls, folder: Path) -> Memory:
        """Return what is remembered in a folder."""
        path = folder / "state.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        return cls(path, known.get("issued", {}), known.get("failure", {}), known.get("attempts", []))

    def succeed(self, settings: Settings, now: float) -> None:
        """Remember that a certificate was issued."""
        self.issued = {"directory": settings.directory, "time": now}
        self.failure, self.attempts = {}, []
        self._write()

    def forget_failure(self) -> None:
        """Remember no failure any more, since nothing is missing."""
        if self.failure:
            self.failure = {}
            self._write()

    def fail(self, error: AcmeError, settings: Settings, now: float) -> None:
        """Remember what failed, and how long to wait."""
        same = self.failure.get("fingerprint") == settings.fingerprint
        recent = [moment for moment in self.attempts if same and now - moment < HOUR]
        self.attempts = [*recent, now] if error.kind in ("challenge", "refused") else recent
        wait = error.wait_until
        if len(self.attempts) >= FAILURES_AN_HOUR:
            wait = max(wait, self.attempts[-FAILURES_AN_HOUR] + HOUR)
        self.failure = {
            "kind": error.kind,
            "message": str(error),
            "time": now,
            "wait_until": wait,
            "fingerprint": settings.fingerprint,
        }
        self._write()

    def waits_until(self, settings: Settings, now: float) -> float:
        """Return until when the authority is left alone; 0 when it may be asked."""
        until = float(self.failure.get("wait_until", 0))
        return until if until > now and self.failure.get("fingerprint") == settings.fingerprint else 0.0

    def _write(self) -> None:
        known = {"issued": self.issued, "failure": self.failure, "attempts": self.attempts}
        put(self.path, json.dumps(known, indent=1), 0o644)
