"""Times as people read them."""

from __future__ import annotations

import time


def day(moment: float) -> str:
    """Return the day of a moment."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def minute(moment: float) -> str:
    """Return the minute of a moment."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
