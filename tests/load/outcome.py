"""What became of one request."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Times are seconds of one monotonic clock; `scheduled` is when the request was due."""

    number: int
    method: str
    fresh_connection: bool
    text_id: str
    scheduled: float
    started: float
    finished: float
    status: int | None = None
    version: str = ""
    error: str = ""

    @property
    def acknowledged(self) -> bool:
        return self.method == "POST" and self.status is not None and 200 <= self.status < 300

    @property
    def failed(self) -> bool:
        return self.status is None or not 200 <= self.status < 400

    @property
    def latency(self) -> float:
        """What a visitor waited, the time in a queue of this machine included."""
        return self.finished - self.scheduled

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        answer = self.error or f"status {self.status} from version {self.version or 'unknown'}"
        connection = "fresh" if self.fresh_connection else "kept"
        return f"{self.method} no. {self.number} ({connection} connection, {1000 * self.latency:.0f} ms): {answer}"
