# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For how long browsers are told to come by TLS alone: about as long as that has done well until then."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import accumulate, pairwise
from pathlib import Path

DAY = 24 * 3600
# For how many days, and what browsers are told in these. Afterwards they are told all that is wanted.
STEPS = ((2, 300), (7, DAY), (30, 7 * DAY), (90, 30 * DAY))
# The file, beside the secrets, that keeps the first day where the inventory does not say it.
KEPT = ".hsts_since"


def hsts_steps(since: str, seconds: int) -> list[dict[str, str | int]]:
    """Return the days on which browsers are told less than is wanted.

    :param since: the first day with a certificate that browsers know, such as 2026-11-23; empty for one that is long past.
    :param seconds: what they are told in the end.
    :returns: for each step its ``days``, as a web server's clock writes them, and ``seconds``.
    """
    if not since:
        return []
    first = date.fromisoformat(since)
    bounds = pairwise(accumulate((days for days, _told in STEPS), initial=0))
    return [
        {"days": "|".join((first + timedelta(day)).isoformat() for day in range(*span)), "seconds": told}
        for span, (_days, told) in zip(bounds, STEPS, strict=True)
        if told < seconds
    ]


def remark_new_day(folder: Path, seconds: int, since: date) -> list[str]:
    """Say that the days begin anew on this machine, where the inventory says nothing of them.

    :param folder: where the first day would be kept.
    :param seconds: what browsers are told in the end.
    :param since: the day that would be the first.
    """
    if (folder / KEPT).exists() or seconds <= STEPS[0][1]:
        return []
    return [
        f"site_tls_hsts_since is not set, and there is no {folder / KEPT}: HSTS begins with {since}, also where browsers were "
        "told more before. Where several machines run playbooks, as CI does, write the first day into the inventory: "
        f'site_tls_hsts_since: "{since}".'
    ]
