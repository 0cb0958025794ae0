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
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import SERVICE, TIMER, Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    explained,
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
ARCHIVED = "select coalesce(last_archived_wal, '') from pg_stat_archiver"
SWITCHED = "select pg_walfile_name(pg_switch_wal())"
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
                if backup["label"] == name:
                    return Target(backup["stop"], repository["number"], name, ("--type=immediate", "--target-action=promote"))
        raise Trouble(f"There is no backup {name!r}.", f"There are {_labels(look)}.")
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
        number, label = beginning(look, moment)
        return Target(moment, number, label, ("--type=time", f"--target={shown(moment)}", "--target-action=promote"))
    number, label = beginning(look, now)
    return Target(now, number, label, ("--type=default",))


def beginning(look: Mapping[str, Any], moment: float, undone_until: float = math.inf) -> tuple[int, str]:
    """Return the repository and its newest backup before a moment, from which nothing is missing up to it.

    :param undone_until: restores in place after that don't count: a moment that was undone is reached by what led to it.
    :raises Trouble: there is none.
    """
    undone = [one for one in look["returns"] if one["until"] < undone_until]
    for repository in look["repositories"]:
        earlier = [
            backup
            for backup in repository.get("backups", [])
            if repository["since"] <= backup["stop"] <= moment
            and not any(one["since"] < backup["stop"] <= one["until"] for one in undone)
        ]
        if repository["since"] and earlier:
            return repository["number"], earlier[-1]["label"]
    since = [repository["since"] for repository in look["repositories"] if repository["since"]]
    remedy = f"Restores can go to any moment since {shown(min(since))}." if since else "There is no whole backup yet."
    raise Trouble(f"No backup leads to {shown(moment)}.", remedy)


def _labels(look: Mapping[str, Any]) -> str:
    return ", ".join(backup["label"] for repository in look["repositories"] for backup in repository.get("backups", [])) or "none"


@dataclass(frozen=True)
class Restore:
    """A restore on one host."""

    cluster: Cluster
    backups: Backups

    def plan(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Say what a restore in place would do."""
        now = time.time()
        target = target_of(self.backups.ask("look"), wanted, now)
        lost = (
            ""
            if target.options == ("--type=default",)
            else f"everything that was written since then, {_span(now - target.moment)}"
        )
        databases = self.cluster.ask(DATABASES) if is_running(self.cluster) else ""
        return {"moment": target.told, "backup": target.backup, "lost": lost, "databases": databases}

    # --- in place

    def in_place(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """Take the server back; what it was is named, so that a restore can lead there."""
        target = target_of(self.backups.ask("look"), wanted, time.time())
        began = time.monotonic()
        ran = self.cluster.run(["systemctl", "is-active", "--quiet", TIMER])[0] == 0
        self.cluster.run(["systemctl", "stop", TIMER, SERVICE])
        try:
            former = self._name_present("restore") if is_running(self.cluster) else ""
            self._stop()
            self._bring(self.cluster.data, target, "--delta")
            self._recover(self.cluster)
            self.backups.ask("returned", str(target.moment))
        finally:
            if ran:
                self.cluster.run(["systemctl", "start", TIMER])
        return self._told(target, self.cluster, began) | {"former": former}

    def _name_present(self, what: str) -> str:
        """Name the present moment, and see that everything up to it is archived.

        Without that the way to a moment after the last change would have no end, and the server would not start.
        """
        name = f"before-{what}-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}"
        self.backups.ask("point", name)
        last = self.cluster.ask(SWITCHED)
        if not until(lambda: self.cluster.ask(ARCHIVED)[8:24] >= last[8:24], ARCHIVE_SECONDS):
            raise PostgresqlError(
                f"PostgreSQL on {os.uname().nodename} does not archive ({last} after {ARCHIVE_SECONDS:.0f} s), so what it wrote "
                "last would be lost for good. Nothing was changed.",
                "See its log and correct what is wrong; or stop PostgreSQL on the host, then run this again: a server that "
                "doesn't run is not asked.",
            )
        return name

    def _stop(self) -> None:
        code, said = self.cluster.run(["systemctl", "stop", self.cluster.unit])
        if code or is_running(self.cluster):
            raise PostgresqlError(f"{self.cluster.unit} does not stop: {said.strip()}")

    # --- beside

    def beside(self, wanted: Mapping[str, str], copy: Cluster) -> dict[str, Any]:
        """Make a copy of an earlier moment beside the live server, which is not touched."""
        if is_created(copy):
            raise PostgresqlError(
                f"{os.uname().nodename} has a cluster {copy.version}/{copy.name} already.",
                f"Take another name, or remove it on the host: pg_dropcluster --stop {copy.version} {copy.name}",
            )
        refuse_taken_port(copy)
        look = self.backups.ask("look")
        target = target_of(look, wanted, time.time())
        self._refuse_small(look, target, os.path.dirname(copy.data))
        began = time.monotonic()
        if is_running(self.cluster):
            self._name_present("copy")
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
