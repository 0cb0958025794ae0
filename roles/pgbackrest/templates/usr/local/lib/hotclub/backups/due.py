"""Which backup is due, and how far back a restore can go; asked of what is in the repository, so that nothing is forgotten."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from wal import File, Gap

DAY = 86400.0
HALF_A_DAY = DAY / 2
# A drill right after the first backup would prove what has just been written.
REST = 3000.0

Backup = Mapping[str, Any]


def last_night(now: float, hour: int) -> float:
    """Return when it was this hour last, by the clock of the host."""
    local = datetime.datetime.fromtimestamp(now).astimezone()
    night = local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return (night if night <= local else night - datetime.timedelta(days=1)).timestamp()


def fulls(backups: Sequence[Backup]) -> list[Backup]:
    """Return the full ones."""
    return [backup for backup in backups if backup["type"] == "full"]


def due(backups: Sequence[Backup], gaps: Sequence[Gap], now: float, hour: int, full_days: int, timeline: int = 0) -> str:
    """Return the type of the backup that is due; nothing when none is.

    :param timeline: that of the newest file of the log. It counts on when the server went back to an earlier moment.
    """
    if not fulls(backups) or open_gaps(backups, gaps):
        return "full"
    newest_full = fulls(backups)[-1]
    if File.of(newest_full["archive"]["stop"]).timeline < timeline:
        return "full"
    night = last_night(now, hour)
    if max(backup["timestamp"]["start"] for backup in backups) >= night:
        return ""
    return "full" if night - newest_full["timestamp"]["start"] >= full_days * DAY - HALF_A_DAY else "diff"


def open_gaps(backups: Sequence[Backup], gaps: Sequence[Gap]) -> list[Gap]:
    """Return the gaps that no newer full backup makes up for."""
    newest = fulls(backups)[-1:]
    return [gap for gap in gaps if not newest or gap.last >= File.of(newest[0]["archive"]["start"])]


def restorable_since(backups: Sequence[Backup], gaps: Sequence[Gap]) -> float:
    """Return from when on a restore can go to any moment; 0 when there is no sound backup after the last gap."""
    last = max((gap.last for gap in gaps), default=File(0, 0))
    after = [backup for backup in fulls(backups) if File.of(backup["archive"]["start"]) > last and not backup.get("error")]
    return float(after[0]["timestamp"]["stop"]) if after else 0.0


def restorable_until(backup: Backup, backups: Sequence[Backup], gaps: Sequence[Gap]) -> float | None:
    """Return to which moment a restore can go from a backup; None when nothing is missing after it, 0 when it lacks its own log.

    What was written between the newest backup before the next gap and that gap has no moment by which it is known.
    """
    start, stop = (File.of(backup["archive"][end]) for end in ("start", "stop"))
    gap = min((gap.first for gap in gaps if gap.last >= start), default=None)
    if gap is None:
        return None
    before = [other["timestamp"]["stop"] for other in backups if stop <= File.of(other["archive"]["stop"]) < gap]
    return float(max(before, default=0.0))


def leading(backups: Sequence[Backup], returns: Sequence[Mapping[str, float]]) -> list[Backup]:
    """Return the backups that lead to the present: none of what a restore in place has undone."""
    return [
        backup for backup in backups if not any(one["since"] < backup["timestamp"]["stop"] <= one["until"] for one in returns)
    ]


def leads_by_failovers(backup: Backup, begins: Mapping[int, int]) -> bool:
    """Say whether a backup is on the way to the present timeline: it had ended before the server that it is of was left.

    :param begins: the timelines that led to the present one, each with the number of its first file.
    """
    stop = File.of(backup["archive"]["stop"])
    after = min((begin for timeline, begin in begins.items() if timeline > stop.timeline), default=None)
    return stop.timeline in begins and (after is None or stop.number < after)


def drill_is_due(backups: Sequence[Backup], last: Mapping[str, Any], now: float, days: int) -> bool:
    """Say whether a restore is to be rehearsed: now and then, and the day after one that failed."""
    if days < 1 or not any(now - backup["timestamp"]["stop"] > REST for backup in backups):
        return False
    if not last:
        return True
    wait = days * DAY - HALF_A_DAY if last["good"] else DAY
    return bool(now - last["at"] >= wait)
