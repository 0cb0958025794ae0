"""Celery's beat in the site's own virtualenv, which asks before each entry whether it is still this host's turn to send it.

Run as ``python beat.py APPLICATION ARGUMENTS``; an empty application is the package of the project's own settings. What has
been sent is written down at once, so that nobody who goes on from there sends it again.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

NOT_ALLOWED = "It is no longer this host's turn to send scheduled tasks: beat ends here.\n"


def is_allowed(environment: Mapping[str, str]) -> bool:
    """Say whether it is this host's turn now, as the guard has written; not when there is none any more."""
    for _attempt in range(3):
        try:
            words = Path(environment["SINGLE_UNTIL_FILE"]).read_text().split()
        except (KeyError, OSError):
            return False
        if len(words) == 2 and words[0] == words[1]:
            return time.clock_gettime(time.CLOCK_BOOTTIME) < float(words[0])
    return False


def asking(send: Callable[..., Any]) -> Callable[..., Any]:
    """Return what sends an entry, with the question before it."""

    @functools.wraps(send)
    def asked(*arguments: Any, **named: Any) -> Any:
        if not is_allowed(os.environ):
            os.write(2, NOT_ALLOWED.encode())
            os._exit(1)
        return send(*arguments, **named)

    return asked


def command(application: str, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return what Celery reads as its command line."""
    settings = environment.get("SITE_SETTINGS_MODULE") or environment.get("DJANGO_SETTINGS_MODULE", "")
    return ["celery", "--app", application or settings.partition(".")[0], "beat", *arguments]


def main(words: Sequence[str]) -> None:
    """Run it."""
    # The folder of the project, not of this program.
    sys.path[0] = str(Path.cwd())
    beat = importlib.import_module("celery.beat")
    # Only after the first entry would it do so by itself, and then every three minutes.
    beat.Scheduler.sync_every = 0
    beat.Scheduler.apply_async = asking(beat.Scheduler.apply_async)
    sys.argv = command(words[0], words[1:], os.environ)
    importlib.import_module("celery.__main__").main()


if __name__ == "__main__":
    main(sys.argv[1:])
