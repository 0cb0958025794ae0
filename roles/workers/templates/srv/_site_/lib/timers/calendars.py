"""When a calendar of systemd's is due, by systemd's own word."""

from __future__ import annotations

import datetime
import re
import subprocess

# A year that has 29 February comes every eight at the latest.
LONGEST_SECONDS = 9 * 366 * 86400
# systemd 252 writes Iter. #2, newer ones Iteration #2.
MOMENT = re.compile(r"^\s*(Next elapse|Iter(?:ation|\.) #\d+|\(in UTC\)): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)


def moments_in(told: str) -> list[int]:
    """Return the moments that ``systemd-analyze calendar`` tells of, in seconds since 1970."""
    found: list[int] = []
    for what, text in MOMENT.findall(told):
        moment = int(datetime.datetime.fromisoformat(f"{text}+00:00").timestamp())
        if what == "(in UTC)":
            # What stands before it is local time.
            found[-1] = moment
        else:
            found.append(moment)
    return found


def following(calendar: str, base: int, count: int = 1) -> list[int]:
    """Return the first moments after another one; none where there are no more."""
    # Without the variables of the site: its TZ is not that of the timers.
    told = subprocess.run(
        ["/usr/bin/systemd-analyze", "calendar", f"--base-time=@{base}", f"--iterations={count}", "--", calendar],
        env={"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return moments_in(told.stdout)


def last(calendar: str, until: int) -> int:
    """Return the last moment up to another one; 0 where there was none for years."""
    # systemd only tells what comes. As a rule the moment has just come.
    seconds = 2
    while seconds < LONGEST_SECONDS:
        found = [moment for moment in following(calendar, until - seconds - 1) if moment <= until]
        while found:
            later = [moment for moment in following(calendar, found[-1], 50) if moment <= until]
            if not later:
                return found[-1]
            found = later
        seconds *= 4
    return 0
