"""Why there is no new certificate."""

from __future__ import annotations


class AcmeError(Exception):
    """Why there is no new certificate, as one message with its remedy."""

    def __init__(self, message: str, kind: str, wait_until: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.wait_until = wait_until
