# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a process is older than its configuration or its program, told by what no interrupted run can lose."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

# A line of /proc/<pid>/maps: code of the system whose file is no longer there.
REPLACED = re.compile(r"^\S+ ..x. .* (/usr/|/lib|/opt/python/)\S* \(deleted\)$", re.MULTILINE)


def children(parent: int) -> dict[int, tuple[str, float]]:
    """Return the processes that a process has started: title, and start as seconds since the epoch."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            title = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == parent:
            found[int(process.name)] = (title, start_time(int(fields[19])))
    return found


def started(process: int) -> float:
    """Return when a process started, as seconds since the epoch; 0 when there is none."""
    try:
        return start_time(int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]))
    except OSError:
        return 0.0


def start_time(ticks: int) -> float:
    """Return, as seconds since the epoch, a time that the kernel counts in ticks since boot."""
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def newest_change(folder: Path) -> float:
    """Return when a file, or anything below a folder, changed last. Times in the future say nothing."""
    return newest(change_time(path) for path in [folder, *folder.rglob("*")])


def newest(times: Iterable[float]) -> float:
    """Return the newest of these times that is not in the future."""
    now = time.time()
    return max((changed for changed in times if changed <= now), default=0.0)


def change_time(path: Path) -> float:
    """Return when a path, or what it links to, was written."""
    changed = path.lstat().st_mtime
    return max(changed, path.stat().st_mtime) if path.is_symlink() and path.exists() else changed


def runs_replaced_code(process: Path) -> bool:
    """Say whether a process runs a program, or a library of the system, that an upgrade has replaced since.

    :param process: its folder below ``/proc``.
    """
    try:
        if os.readlink(process / "exe").endswith(" (deleted)"):
            return True
        return bool(REPLACED.search((process / "maps").read_text(errors="replace")))
    except OSError:
        return False
