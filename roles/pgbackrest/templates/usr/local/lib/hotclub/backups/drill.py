"""A restore rehearsed: a backup, and all that was archived since, becomes a server that is looked through."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kept import STATE, Settings
from pgbackrest import BackupError, pgbackrest, run
from postgres import NEWEST_BEAT, Postgres

MEBI = 1024 * 1024
# What recovery and its log need besides the data.
SPARE = 512 * MEBI
PORT = 5499
CONFIGURATION = """\
# A copy that is looked through and thrown away. It reaches nobody, and archives nothing.
hba_file = '{folder}/access'
ident_file = '{folder}/names'
"""
OPTIONS = (
    *("listen_addresses=", f"port={PORT}", "unix_socket_directories={folder}", "unix_socket_permissions=0700"),
    *("archive_mode=off", "ssl=off", "hot_standby=off", "shared_buffers=32MB", "max_wal_size=512MB", "logging_collector=off"),
    *("autovacuum=off", "fsync=off", "external_pid_file="),
)


class Drill:
    """A rehearsal in a folder of its own."""

    def __init__(self, settings: Settings, folder: Path = STATE / "drill") -> None:
        self.settings = settings
        self.folder = folder
        self.data = folder / "data"
        self.copy = Postgres(settings, str(folder), PORT)

    def rehearse(self, number: int, backup: Mapping[str, Any], beat: float) -> dict[str, Any]:
        """Restore a backup of a repository and look through it; return how that went.

        :param beat: the newest row that the copy must have.
        """
        began = time.time()
        said = ""
        try:
            self.clear()
            self.make_room(int(backup["info"]["size"]))
            self.restore(number, backup["label"])
            self.start()
            self.check(beat)
        except BackupError as error:
            said = str(error)
        finally:
            self.clear()
        seconds = round(time.time() - began, 1)
        return {"at": began, "good": not said, "seconds": seconds, "backup": backup["label"], "repository": number, "said": said}

    def make_room(self, size: int) -> None:
        """Make the folder, where there is room for the data."""
        self.folder.mkdir(mode=0o700)
        self.data.mkdir(mode=0o700)
        free = shutil.disk_usage(self.folder).free
        if free < size + SPARE:
            raise BackupError(
                f"no room: the copy needs {(size + SPARE) // MEBI} MiB, and {self.folder} has {free // MEBI} MiB free. Make room "
                "there, or set pgbackrest_drill_days: 0 and rehearse elsewhere"
            )

    def restore(self, number: int, label: str) -> None:
        """Bring the files of a backup into the folder."""
        place = (f"--repo={number}", f"--set={label}", f"--pg1-path={self.data}")
        pgbackrest("restore", *place, "--archive-mode=off", "--type=default", "--process-max=1")

    def start(self) -> None:
        """Have a server recover them as far as the archive goes."""
        (self.folder / "postgresql.conf").write_text(CONFIGURATION.format(folder=self.folder), encoding="utf-8")
        (self.folder / "access").write_text("local all all peer\n", encoding="utf-8")
        (self.folder / "names").write_text("", encoding="utf-8")
        said = [f"config_file={self.folder}/postgresql.conf", *(option.format(folder=self.folder) for option in OPTIONS)]
        options = " ".join(f"-c {option}" for option in said)
        try:
            self._control("start", "-w", "-t", "43200", "-l", str(self.folder / "log"), "-o", options)
        except BackupError as error:
            raise BackupError(f"the copy does not start: {self._log() or error}") from error
        # It is started as soon as it follows the log of changes, and takes connections at the end of that.
        while (self.data / "recovery.signal").exists() or not self._answers():
            if not (self.data / "postmaster.pid").exists():
                raise BackupError(f"the copy does not come to the end of the log of changes: {self._log()}")
            time.sleep(0.2)

    def check(self, beat: float) -> None:
        """Look through every table and index, and for the newest row."""
        run(str(self.copy.programs / "pg_amcheck"), "-h", str(self.folder), "-p", str(PORT), "--all", "--install-missing")
        found = float(self.copy.ask(NEWEST_BEAT))
        if found < beat:
            raise BackupError(f"the copy lacks the last {beat - found:.0f} seconds before the drill, which had been archived")

    def clear(self) -> None:
        """Throw everything away, also what an interrupted drill has left."""
        if (self.data / "postmaster.pid").exists():
            with contextlib.suppress(BackupError):
                self._control("stop", "-m", "immediate", "-w")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.copy.ask("select 1"))
        except BackupError:
            return False

    def _control(self, *words: str) -> None:
        run(str(self.copy.programs / "pg_ctl"), "-s", "-D", str(self.data), *words)

    def _log(self) -> str:
        try:
            lines = (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "ERROR" in line]
        return "; ".join((telling or lines)[-3:])
