"""The one exception that ends a command with a message instead of a traceback."""

from __future__ import annotations

import sys
from pathlib import Path


class LabError(Exception):
    """Something is wrong that the reader of the message can put right.

    `detail` is what the failing command said; `log` is the file that says more.
    """

    def __init__(self, message: str, *, detail: str = "", log: Path | None = None) -> None:
        super().__init__(message)
        self.detail = detail
        self.log = log


def complain(error: LabError) -> None:
    """Show the reader what is wrong."""
    sys.stderr.write(f"\n{error}\n")
    if error.detail:
        sys.stderr.write("\n" + "".join(f"    {line}\n" for line in error.detail.splitlines()))
    if error.log:
        sys.stderr.write(f"\nThe full log: {error.log}\n")
