# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the backups of one host's PostgreSQL are."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import SETTINGS, Backups
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads_backup import Copies

HOUR = 3600.0
DAY = 24 * HOUR
# One a day, and a night's trouble with it.
OLDEST_BACKUP = 2 * DAY + 2 * HOUR
# The first one is made within minutes.
FIRST_BACKUP = 2 * HOUR
# Some turns of archive_timeout, which has each file archived that is not full.
LONG_WAIT = 0.5 * HOUR
LEAST_FREE_MB = 1024
# One is made every hour.
OLDEST_UPLOADS = DAY
MEBI = 1024 * 1024
NOT_ARCHIVED = (
    "PostgreSQL archives nothing until it restarts (archive_mode is still off), so no backup is made and no restore can go to "
    "a later moment. Run playbooks/backup.yml: it restarts it while requests are held, and makes the first backup"
)
SEE = "See `journalctl -u hotclub-backups` there"


def look_at_backups(status: dict[str, Any]) -> None:
    """Say when PostgreSQL was backed up last, whether that can be restored, and to which moments."""
    backups = Backups(run)
    if not backups.keeper:
        status["problems"].append("no backups are made: run playbooks/site.yml")
        return
    try:
        look = backups.ask("look")
    except (Trouble, KeyError, ValueError) as error:
        status["problems"].append(f"the backups can't be looked at ({error}). {SEE}")
        return
    status["backups"] = look
    if look.get("follows"):
        status["problems"] += problems_of_copy(look, time.time())
        status["remarks"] += remarks_on_drill(look)
        return
    now = time.time()
    status["problems"] += [
        *waiting(look, now, int(backups.settings.get("queue_mb", 0))),
        *problems(look, now, now - Path("/", SETTINGS).stat().st_mtime),
    ]
    status["remarks"] += remarks(look)


def look_at_kept_backups(site: str, folder: str, status: dict[str, Any]) -> None:
    """Say whether a host that keeps the backups of others takes them, and has room for more."""
    unit = f"{site}-backup.service"
    if run(["systemctl", "is-active", "--quiet", unit]).code:
        status["problems"].append(
            f"{unit} doesn't run, so no backup is taken: `journalctl -u {unit}` there, then playbooks/site.yml"
        )
    place = Path(folder, site)
    free = shutil.disk_usage(place if place.exists() else "/").free // MEBI
    status["remarks"].append(f"the backups of {site} are in {place}, with {free} MiB free")
    if free < LEAST_FREE_MB:
        status["problems"].append(
            f"only {free} MiB are left on the disk of the backups in {place}. Make room, or set pgbackrest_kept_fulls lower: "
            "what can't be archived fills the disk of PostgreSQL's host"
        )


def waiting(look: Mapping[str, Any], now: float, queue_mb: int) -> list[str]:
    """Return what a repository that takes nothing does to the disk of PostgreSQL."""
    queue = look.get("waiting") or {}
    if not queue.get("since") or now - queue["since"] < LONG_WAIT:
        return []
    end = (
        f"what is beyond {queue_mb} MiB is dropped (pgbackrest_queue_mb)"
        if queue_mb
        else "PostgreSQL stops when it is full; pgbackrest_queue_mb has it drop them before that"
    )
    return [
        f"{queue['mb']} MiB of changes wait since {_moment(queue['since'])} to be archived, on a disk with "
        f"{queue['free_mb']} MiB free: {end}. Correct what is in the repositories' way. {SEE}"
    ]


def look_at_kept_uploads(site: str, repository: str, status: dict[str, Any]) -> None:
    """Say how old the newest copy of the uploads is, which the host that has them makes every hour."""
    copies = Copies(site, Path(repository))
    newest, now = copies.newest(), time.time()
    status["uploads"] = {"newest": newest, "where": repository}
    see = f"See `journalctl -u '{copies.units}@*'` there"
    if newest:
        status["remarks"].append(
            f"the newest copy of the uploads is of {_moment(newest)}, in {repository}: whoever loses that disk loses it, too"
        )
        if now - newest > OLDEST_UPLOADS:
            status["problems"].append(f"the newest copy of the uploads in {repository} is {_days(now - newest)} old. {see}")
    elif not copies.settings.is_dir():
        status["problems"].append("no copies of the uploads are made: run playbooks/site.yml")
    elif now - copies.settings.stat().st_mtime > FIRST_BACKUP:
        status["problems"].append(f"there is no copy of the uploads in {repository}. {see}")
    else:
        status["remarks"].append(f"no copy of the uploads yet in {repository}: the first one begins within minutes")


def problems(look: Mapping[str, Any], now: float, age: float) -> list[str]:
    """Return what is wrong with the backups.

    :param age: for how long they have been made as they are, in seconds.
    """
    if look.get("archives") is False:
        found = [NOT_ARCHIVED]
    else:
        found = [f"the last backup failed: {look['failure']}. {SEE}"] if look["failure"] else []
    for repository in look["repositories"]:
        where, newest = repository["where"], repository["newest"]
        if repository["error"]:
            found.append(f"the backups in {where} can't be read: {repository['error']}")
        elif newest is None and age > FIRST_BACKUP and look.get("archives") is not False and not repository.get("busy"):
            found.append(f"there is no backup in {where}. {SEE}")
        elif newest and now - newest["stop"] > OLDEST_BACKUP:
            found.append(f"the newest backup in {where} is {_days(now - newest['stop'])} old. {SEE}")
        found += damage(repository)
        if (free := repository.get("free_mb")) is not None and free < LEAST_FREE_MB:
            found.append(
                f"only {free} MiB are left on the disk of the backups in {where}. Make room, set pgbackrest_kept_fulls lower, or "
                "name another place in pgbackrest_repositories: what can't be archived fills PostgreSQL's disk as well"
            )
        if repository.get("open_gaps"):
            found.append(
                f"{where} lacks {', '.join(repository['open_gaps'])} of the log of changes, and no full backup is newer: no "
                "restore can go past that. Run playbooks/backup.yml, or wait for the hour: a full backup is due"
            )
    return found + problems_of_drill(look, now)


def problems_of_copy(look: Mapping[str, Any], now: float) -> list[str]:
    """Return what would be wrong with the backups if this copy became the primary, which makes them, and with its drill."""
    found = [f"{look['failure']}. {SEE}"] if look["failure"] else []
    if look["archives"] is False:
        found.append(
            "PostgreSQL would archive nothing as the primary until it restarts (archive_mode is still off). Run "
            "playbooks/backup.yml: it restarts one member after the other"
        )
    return found + problems_of_drill(look, now)


def problems_of_drill(look: Mapping[str, Any], now: float) -> list[str]:
    """Return what is wrong with the last rehearsed restore."""
    found = []
    drill, days = look["drill"], look["drill_days"]
    if drill and not drill["good"]:
        found.append(
            f"the last drill, a restore of {drill['backup']}, failed: {drill['said']}. "
            "Run playbooks/drill.yml when it is corrected"
        )
    elif days and drill and now - drill["at"] > (2 * days + 1) * DAY:
        found.append(f"the last drill is {_days(now - drill['at'])} old. {SEE}")
    return found


def damage(repository: Mapping[str, Any]) -> list[str]:
    """Return what a repository's newest backup says of the database's own pages."""
    newest = repository["newest"]
    if not newest or not newest.get("damaged"):
        return []
    label = newest["label"]
    return [
        f"page checksums of the newest backup in {repository['where']}, {label}, are wrong: the database itself is damaged. "
        f"`pgbackrest --stanza=main --repo={repository['number']} --set={label} info`, as postgres, names the files. Look at the "
        "disk, and restore a moment before the damage: earlier backups are kept until one is sound again"
    ]


def remarks(look: Mapping[str, Any]) -> list[str]:
    """Return what is worth knowing of the backups."""
    found = []
    for repository in look["repositories"]:
        where, newest = repository["where"], repository["newest"]
        if newest is None:
            if not repository["error"] and look.get("archives") is not False:
                comes = "is being made" if repository.get("busy") else "begins within minutes"
                found.append(f"no backup of the database yet in {where}: the first one {comes}")
            continue
        by = f", made by {newest['host']}" if newest.get("host") else ""
        found.append(
            f"the newest backup of the database ({newest['type']}) is of {_moment(newest['stop'])}, in {where}{by}; "
            f"a restore can go to any moment since {_moment(repository['since'])}"
        )
        closed = [gap for gap in repository["gaps"] if gap not in repository["open_gaps"]]
        if closed:
            found.append(f"{where} lacks {', '.join(closed)} of the log of changes; a newer full backup makes up for it")
        damaged = [
            one["label"] for one in repository.get("backups", []) if one.get("damaged") and one["label"] != newest["label"]
        ]
        if damaged:
            found.append(f"page checksums of {', '.join(damaged)} in {where} were wrong: what is restored from there is damaged")
    if not any(repository["elsewhere"] for repository in look["repositories"]):
        found.append(
            "no backup is on another machine: whoever loses this host loses them all. Name one in pgbackrest_repositories"
        )
    return found + remarks_on_drill(look)


def remarks_on_drill(look: Mapping[str, Any]) -> list[str]:
    """Return what is worth knowing of the last rehearsed restore."""
    found = []
    if drill := look["drill"]:
        result = "succeeded" if drill["good"] else "failed"
        found.append(f"the last drill restored {drill['backup']}, {_moment(drill['at'])}, in {drill['seconds']} s, and {result}")
    elif look["drill_days"]:
        found.append("no restore has been rehearsed yet")
    return found


def _moment(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else "the next full backup"


def _days(seconds: float) -> str:
    return f"{seconds / DAY:.0f} days" if seconds >= 2 * DAY else f"{seconds / HOUR:.0f} hours"
