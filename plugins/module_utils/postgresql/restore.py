# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server brought back to an earlier moment, or a copy of it beside the live one."""

from __future__ import annotations

import datetime
import math
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import ARCHIVED, SERVICE, TIMER, Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    explained,
    has_ever_run,
    is_created,
    is_running,
    refuse_taken_port,
    until,
    write,
)

RECOVERY_SECONDS = 24 * 3600.0
ARCHIVE_SECONDS = 120.0
# What a copy must not do, whatever the restored files say.
COPY = """\
# A copy of an earlier moment. It archives nothing, so that it never writes into the backups of the server that it is a copy of.
listen_addresses = 'localhost'
archive_mode = 'off'
archive_command = ''
hot_standby = 'off'
"""
LAST_ARCHIVED = "select coalesce(last_archived_wal, '') from pg_stat_archiver"
# A file of the log of changes.
FILE_MB = 16
# What pgBackRest writes for the way to a moment. Left there, it would be copied with the data, and stop a copy at that moment.
OF_RECOVERY = (
    "restore_command",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
)
# One less: where nothing was written since the last switch, it tells the beginning of a file that nobody archives yet.
SWITCHED = "select pg_walfile_name(pg_switch_wal() - 1)"
DATABASES = "select string_agg(datname, ', ' order by datname) from pg_database where not datistemplate and datname <> 'postgres'"


@dataclass(frozen=True)
class Target:
    """A moment to go back to, and the backup from which the way there begins."""

    moment: float
    repository: int
    backup: str
    options: tuple[str, ...]

    @property
    def told(self) -> str:
        """The moment in words, by the clock of the host."""
        return shown(self.moment)


def shown(moment: float) -> str:
    """Return a moment as PostgreSQL reads it, by the clock of the host."""
    return datetime.datetime.fromtimestamp(moment).astimezone().isoformat(sep=" ")


def moment_of(text: str) -> float:
    """Return the moment that somebody has written; by the clock of the host where no other is named.

    :raises Trouble: it is none.
    """
    try:
        return datetime.datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except ValueError as error:
        raise Trouble(f"{text!r} is no moment.", 'Write it as "2026-11-30 14:05:00", or with "+01:00" behind it.') from error


def target_of(look: Mapping[str, Any], wanted: Mapping[str, str], now: float) -> Target:
    """Return the moment that is wanted, by one of ``time``, ``backup`` and ``name``; without any, the newest one.

    :param look: what the program says of the backups.
    :raises Trouble: no backup leads there.
    """
    if name := wanted.get("backup"):
        for repository in look["repositories"]:
            for backup in repository.get("backups", []):
                if backup["label"] == name and _leads(repository, {"until": None, **backup}, backup["stop"]):
                    return Target(backup["stop"], repository["number"], name, ("--type=immediate", "--target-action=promote"))
        raise Trouble(f"There is no backup {name!r} that is whole.", f"There are {_labels(look)}.")
    if name := wanted.get("name"):
        if name not in look["points"]:
            raise Trouble(f"No moment is named {name!r}.", f"Known are {', '.join(look['points']) or 'none'}; or say a time.")
        point = look["points"][name]
        number, label = beginning(look, float(point["moment"]), undone_until=float(point["moment"]))
        way = ("--target-action=promote", f"--target-timeline={point['timeline']}")
        return Target(float(point["moment"]), number, label, ("--type=name", f"--target={name}", *way))
    if text := wanted.get("time"):
        moment = moment_of(text)
        if moment >= now:
            raise Trouble(f"{text} is still to come.", f"It is {shown(now)} on {os.uname().nodename}. Say an earlier moment.")
        _refuse_undone(look, text, moment)
        number, label = beginning(look, moment)
        return Target(moment, number, label, ("--type=time", f"--target={shown(moment)}", "--target-action=promote"))
    number, label = beginning(look, now)
    return Target(now, number, label, ("--type=default",))


def _refuse_undone(look: Mapping[str, Any], text: str, moment: float) -> None:
    """Refuse a moment that no way leads to any more, since the server went back to an earlier one after it."""
    undone = next((one for one in look["returns"] if one["since"] < moment <= one["until"]), None)
    if undone:
        raise Trouble(
            f"{text} was undone by the restore of {shown(undone['until'])}, so what led to it is on no way to it by time.",
            "That restore gave the moment before itself a name, before-restore-...: look at it by restore_name, beside the live "
            f"data first. Known are {', '.join(look['points']) or 'none'}.",
        )


def beginning(look: Mapping[str, Any], moment: float, undone_until: float = math.inf) -> tuple[int, str]:
    """Return the repository and its newest backup before a moment, from which nothing is missing up to it.

    :param undone_until: restores in place after that don't count: a moment that was undone is reached by what led to it.
    :raises Trouble: there is none.
    """
    undone = [one for one in look["returns"] if one["until"] < undone_until]
    found = [
        (bool(backup.get("damaged")), repository["number"], backup["label"])
        for repository in look["repositories"]
        # The newest one first.
        for backup in reversed(repository.get("backups", []))
        if _leads(repository, backup, moment) and not any(one["since"] < backup["stop"] <= one["until"] for one in undone)
    ]
    if found:
        # One with pages that were damaged already, only where no other leads there.
        _damaged, number, label = min(found, key=lambda one: one[0])
        return number, label
    since = [repository["since"] for repository in look["repositories"] if repository["since"]]
    remedy = f"Restores can go to any moment since {shown(min(since))}." if since else "There is no whole backup yet."
    raise Trouble(f"No backup leads to {shown(moment)}.", remedy)


def _leads(repository: Mapping[str, Any], backup: Mapping[str, Any], moment: float) -> bool:
    """Say whether nothing is missing between a backup and a moment after it."""
    if "until" not in backup:
        # As the program of an earlier version says it.
        return bool(repository["since"] and repository["since"] <= backup["stop"] <= moment)
    return bool(backup["stop"] <= moment and (backup["until"] is None or moment <= backup["until"]))


def _labels(look: Mapping[str, Any]) -> str:
    return ", ".join(backup["label"] for repository in look["repositories"] for backup in repository.get("backups", [])) or "none"


def follows(cluster: Cluster) -> bool:
    """Say whether a server is a member of a cluster that another one leads."""
    return cluster.is_member and (not is_running(cluster) or cluster.ask("select pg_is_in_recovery()") == "t")


@dataclass(frozen=True)
class Restore:
    """A restore on one host."""

    cluster: Cluster
    backups: Backups

    def plan(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Say what a restore in place would do."""
        now, look = time.time(), self.backups.ask("look")
        target = target_of(look, wanted, now)
        self._refuse_other_version(look, target)
        since = f"everything that was written since then, {_span(now - target.moment)}"
        lost = [] if target.options == ("--type=default",) else [since]
        lost += self._never_archived()
        databases = self.cluster.ask(DATABASES) if is_running(self.cluster) else ""
        told = {"moment": target.told, "backup": target.backup, "lost": "; ".join(lost), "databases": databases}
        # For what is restored beside the database.
        return told | {"others": self._others(), "seconds_since_1970": target.moment}

    @property
    def _archives(self) -> bool:
        """Whether what the server writes reaches a repository: without that file its archive_command throws everything away."""
        return (self.backups.root / ARCHIVED).exists()

    def _waiting(self) -> list[str]:
        """Return the files of the log of changes that no repository has."""
        return sorted(path.stem for path in Path(self.cluster.data, "pg_wal", "archive_status").glob("*.ready"))

    def _never_archived(self) -> list[str]:
        """Return what a restore in place would lose for good, whatever moment it goes to."""
        if has_ever_run(self.cluster) and not self._archives:
            return ["everything that this server has, of which nothing is archived"]
        waiting = [] if is_running(self.cluster) else self._waiting()
        if not waiting:
            return []
        files = f"{self.cluster.data}/pg_wal"
        return [
            f"{len(waiting) * FILE_MB} MiB of changes that were never archived. To keep them, before that, on the host, for each "
            f"file of {files}/archive_status that ends in .ready: "
            f"runuser -u postgres -- pgbackrest --stanza=main --no-archive-async archive-push {files}/{waiting[0]}"
        ]

    def _others(self) -> list[str]:
        """Return the other sites of the server."""
        return sorted(set(sharing.parts_of(self.cluster, tuple)) - {self.backups.keeper})

    def _refuse_other_version(self, look: Mapping[str, Any], target: Target) -> None:
        """Refuse the files of another version, with which the server could not start.

        :raises PostgresqlError: they are.
        """
        version = next((one.get("version") for one in look["repositories"] if one["number"] == target.repository), "")
        if version and version != self.cluster.version:
            raise PostgresqlError(
                f"The backup {target.backup} is one of PostgreSQL {version}, and {os.uname().nodename} runs "
                f"{self.cluster.version}. Nothing was changed.",
                "docs/backups.md says what is to be done after an upgrade. To read the older backups, restore them by hand into "
                f"a cluster of PostgreSQL {version}.",
            )

    # --- in place

    def in_place(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Take the server back; what it was is named, so that a restore can lead there.

        :raises PostgresqlError: it is a member of a cluster: what its copies have is newer, and one of them would lead.
        """
        if self.cluster.is_member:
            raise PostgresqlError(
                f"PostgreSQL on {os.uname().nodename} is a member of a cluster, which is not taken back in place. Nothing was "
                "changed.",
                "Restore beside the live data, with restore_beside; docs/backups.md says how to go on from there.",
            )
        look = self.backups.ask("look")
        target = target_of(look, wanted, time.time())
        self._refuse_other_version(look, target)
        began = time.monotonic()
        ran = self.cluster.run(["systemctl", "is-active", "--quiet", TIMER])[0] == 0
        self.cluster.run(["systemctl", "stop", TIMER, SERVICE])
        try:
            former = ""
            if self._archives and is_running(self.cluster):
                self._see_archived()
                # The last moment that visitors write in: stopping archives what follows.
                former = self._name_present("restore")
            self._stop()
            self._refuse_unarchived(former)
            self._bring(self.cluster.data, target, "--delta")
            self._recover(self.cluster)
            self.backups.ask("returned", str(target.moment))
        finally:
            if ran:
                self.cluster.run(["systemctl", "start", TIMER])
        return self._told(target, self.cluster, began) | {"former": former, "others": self._others()}

    def _name_present(self, what: str) -> str:
        """Name the present moment."""
        name = f"before-{what}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
        self.backups.ask("point", name)
        return name

    def _see_archived(self) -> None:
        """See that everything up to now is archived.

        Without that the way to a moment after the last change would have no end, and the server would not start.
        """
        last = self.cluster.ask(SWITCHED)
        if not until(lambda: self.cluster.ask(LAST_ARCHIVED)[8:24] >= last[8:24], ARCHIVE_SECONDS):
            raise PostgresqlError(
                f"PostgreSQL on {os.uname().nodename} does not archive ({last} after {ARCHIVE_SECONDS:.0f} s), so what it wrote "
                "last would be lost for good. Nothing was changed.",
                "See its log and correct what is wrong (journalctl -u hotclub-backups); pgbackrest check, as postgres, tries it.",
            )

    def _refuse_unarchived(self, former: str) -> None:
        """Let a server go on that has stopped and not archived its last changes, which the restore would remove.

        :raises PostgresqlError: it has.
        """
        if former and (waiting := self._waiting()):
            code, _said = self.cluster.run(["systemctl", "start", self.cluster.unit])
            raise PostgresqlError(
                f"PostgreSQL on {os.uname().nodename} stopped before its last changes were archived ({', '.join(waiting[:3])}), "
                f"so they would be lost. {'It does not start again.' if code else 'It runs again, as it was.'}",
                "See journalctl -u hotclub-backups, and run this again.",
            )

    def _stop(self) -> None:
        code, said = self.cluster.run(["systemctl", "stop", self.cluster.unit])
        if code or is_running(self.cluster):
            raise PostgresqlError(f"{self.cluster.unit} does not stop: {said.strip()}")

    # --- beside

    def beside(self, wanted: Mapping[str, str], copy: Cluster) -> dict[str, Any]:
        """Make a copy of an earlier moment beside the live server, which is not touched."""
        if is_created(copy):
            removable = os.path.exists(f"{copy.configuration}/conf.d/restored.conf")
            raise PostgresqlError(
                f"{os.uname().nodename} has a cluster {copy.version}/{copy.name} already"
                + (", an earlier copy." if removable else ", which is no copy that a restore has made."),
                "Take another name for restore_beside"
                + (f", or remove it on the host: pg_dropcluster --stop {copy.version} {copy.name}" if removable else "."),
            )
        refuse_taken_port(copy)
        look = self.backups.ask("look")
        target = target_of(look, wanted, time.time())
        self._refuse_other_version(look, target)
        self._refuse_small(look, target, os.path.dirname(copy.data))
        began = time.monotonic()
        if self._archives and is_running(self.cluster):
            self._name_present("copy")
            self._see_archived()
        options = ["--start-conf=manual", f"--port={copy.port}", "--locale=C.UTF-8", "--encoding=UTF8"]
        code, said = self.cluster.run(["pg_createcluster", *options, copy.version, copy.name])
        if code:
            raise PostgresqlError(f"pg_createcluster {copy.version} {copy.name} failed: {said.strip()}")
        try:
            for entry in Path(copy.data).iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
            write(f"{copy.configuration}/conf.d/restored.conf", COPY)
            self._bring(copy.data, target, f"--pg1-path={copy.data}", "--archive-mode=off")
            self._recover(copy)
            if copy.ask("show archive_mode") != "off":
                raise PostgresqlError(f"{copy.unit} would archive into the backups of the live server, so it was removed.")
        except Trouble:
            self.cluster.run(["pg_dropcluster", "--stop", copy.version, copy.name])
            raise
        return self._told(target, copy, began)

    @staticmethod
    def _refuse_small(look: Mapping[str, Any], target: Target, folder: str) -> None:
        backups = next(one["backups"] for one in look["repositories"] if one["number"] == target.repository)
        size = next(backup["size"] for backup in backups if backup["label"] == target.backup)
        free = shutil.disk_usage(folder).free
        if free < size * 1.1:
            raise PostgresqlError(
                f"{folder} has {free // 1024**2} MiB free, and the copy needs {int(size * 1.1) // 1024**2} MiB.",
                "Make room there.",
            )

    # --- both

    def _bring(self, data: str, target: Target, *more: str) -> None:
        """Bring the files."""
        words = [f"--repo={target.repository}", f"--set={target.backup}", *target.options, *more]
        quiet = ["--stanza=main", "--log-level-console=off", "--log-level-stderr=warn"]
        code, said = self.cluster.run(["runuser", "-u", "postgres", "--", "pgbackrest", *quiet, *words, "restore"])
        if code:
            raise PostgresqlError(
                f"pgBackRest could not bring {data} to {target.told}:\n{said.strip()}",
                "In place, PostgreSQL is stopped now: name another backup or another moment and run this again, or leave "
                "both out for the newest one.",
            )

    def _recover(self, cluster: Cluster) -> None:
        """Start the server, and wait until it takes changes."""
        code, _said = cluster.run(["systemctl", "start", cluster.unit])
        if code:
            raise PostgresqlError(explained(cluster, "start"))

        def ended() -> bool:
            if not is_running(cluster):
                raise PostgresqlError(explained(cluster, "come to that moment"))
            if cluster.run([f"{cluster.programs}/pg_isready", "-q", "-p", str(cluster.port)])[0]:
                return False
            return cluster.ask("select pg_is_in_recovery()") == "f"

        if not until(ended, RECOVERY_SECONDS):
            raise PostgresqlError(explained(cluster, "come to that moment"))
        for name in OF_RECOVERY:
            cluster.ask(f"alter system reset {name}")

    @staticmethod
    def _told(target: Target, cluster: Cluster, began: float) -> dict[str, Any]:
        seconds = round(time.monotonic() - began, 1)
        return {"moment": target.told, "backup": target.backup, "cluster": cluster.name} | {
            "version": cluster.version,
            "port": cluster.port,
            "seconds": seconds,
        }


def _span(seconds: float) -> str:
    """Return a time in words."""
    for length, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {word}"
    return f"{seconds:.0f} seconds"
