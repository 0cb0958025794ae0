"""What is done each time: the server proved to archive, a gap looked for, the backup made that is due, a restore rehearsed."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import due
import wal
from drill import MEBI, SPARE, Drill
from kept import Kept, Settings
from pgbackrest import BackupError, archived_paths, pgbackrest, repository
from postgres import Postgres

PATIENCE_SECONDS = 3600.0
# What is expected of a backup: a little more than the one before has, and of the first one that data packs to half of it.
GROWTH, PACKED = 1.2, 2
SEGMENT = "16MB"


def free_at(where: str) -> int:
    """Return how many bytes are free where a folder is, or will be."""
    return shutil.disk_usage(next(path for path in (Path(where), *Path(where).parents) if path.exists())).free


@contextlib.contextmanager
def noted(failures: list[str]) -> Iterator[None]:
    """Go on after what fails, and note why it did."""
    try:
        yield
    except BackupError as error:
        failures.append(str(error))
    except (OSError, ValueError, LookupError) as error:
        failures.append(f"{type(error).__name__}: {error}")


class Turns:
    """The backups of this host."""

    def __init__(self, settings: Settings, kept: Kept) -> None:
        self.settings = settings
        self.kept = kept
        self.server = Postgres(settings)

    # --- the verbs

    def turn(self) -> None:
        """Do what is due, and remember what went wrong."""
        if not self.server.starts_by_itself or self.server.state()[0]:
            # Moved elsewhere, or a copy of another one, which has backups of its own.
            return
        with self.kept.alone():
            # What an interrupted drill has left takes the room of the data once more.
            Drill(self.settings).clear()
            failures: list[str] = []
            with noted(failures):
                beat = self.prepare(failures)
                for number in self.numbers:
                    with noted(failures):
                        self.back_up_if_due(number)
                if not failures and due.drill_is_due(
                    repository(self.numbers[0])["backups"], self.kept.read("drill", {}), time.time(), self.settings.drill_days
                ):
                    self.rehearse(beat)
            self.kept.write("failure", {"at": time.time(), "said": "; ".join(failures)})
        drill = self.kept.read("drill", {})
        if drill and not drill["good"] and drill["at"] > time.time() - PATIENCE_SECONDS:
            failures.append(f"the drill failed: {drill['said']}")
        if failures:
            raise BackupError("\n".join(failures))

    def backup(self, kind: str) -> dict[str, Any]:
        """Make a backup in every repository now.

        :raises BackupError: one can't be made; the others are.
        """
        with self.kept.alone(PATIENCE_SECONDS):
            failures: list[str] = []
            with noted(failures):
                self.prepare(failures)
                for number in self.numbers:
                    with noted(failures):
                        self.make(number, kind)
                        self.noted_gaps(number, self.readable(number))
            self.kept.write("failure", {"at": time.time(), "said": "; ".join(failures)})
        if failures:
            raise BackupError("\n".join(failures))
        return self.look()

    def drill(self) -> dict[str, Any]:
        """Rehearse a restore now.

        :raises BackupError: it failed.
        """
        with self.kept.alone(PATIENCE_SECONDS):
            failures: list[str] = []
            beat = self.prepare(failures)
            if failures:
                raise BackupError("\n".join(failures))
            result = self.rehearse(beat)
        if not result["good"]:
            raise BackupError(f"The drill failed: {result['said']}")
        return result

    def point(self, name: str) -> dict[str, Any]:
        """Name this moment."""
        moment, timeline = self.server.name_moment(name)
        self.kept.remember_point(name, moment, timeline)
        return {"name": name, "moment": moment}

    def note_return(self, since: float) -> dict[str, Any]:
        """Note that the server went back to an earlier moment: a full backup is due."""
        self.kept.remember_return(since)
        return {"since": since}

    def look(self) -> dict[str, Any]:
        """Return how the backups are, without a change."""
        return {
            "site": self.settings.site,
            "hour": self.settings.hour,
            "archives": self.server.archiving() if self.server.starts_by_itself else None,
            "waiting": self.server.waiting(),
            "drill_days": self.settings.drill_days,
            "repositories": [self.described(said) for said in self.settings.repositories],
            "failure": self.kept.read("failure", {}).get("said", ""),
            "drill": self.kept.read("drill", {}),
            "points": self.kept.read("points", {}),
            "returns": self.returns,
        }

    # --- what they are made of

    @property
    def returns(self) -> list[dict[str, float]]:
        """The restores in place, each with the moment to which it went, and when that was."""
        return list(self.kept.read("returns", []))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the repositories."""
        return [said["number"] for said in self.settings.repositories]

    def said(self, number: int) -> dict[str, Any]:
        """Return what is said of a repository."""
        return next(one for one in self.settings.repositories if one["number"] == number)

    def readable(self, number: int) -> dict[str, Any]:
        """Return what is in a repository.

        :raises BackupError: it can't be read.
        """
        found = repository(number)
        if found["error"]:
            raise BackupError(f"the backups in {self.said(number)['where']} can't be read: {found['error']}")
        return found

    def prepare(self, failures: list[str]) -> float:
        """Have every repository ready and the server archive into it; return the newest moment that is archived.

        :param failures: takes what is wrong with some of the repositories, once the server archives: the others go on.
        :raises BackupError: it doesn't.
        """
        _follows, archives = self.server.state()
        if not archives:
            raise BackupError(
                "PostgreSQL archives nothing before it is restarted: playbooks/backup.yml restarts it while requests are held"
            )
        found = {said["where"]: repository(said["number"]) for said in self.settings.repositories}
        self.refuse_what_can_not_be_archived(found)
        begins = not self.kept.archived.exists()
        with contextlib.nullcontext() if begins else noted(failures):
            if not all(each["exists"] for each in found.values()):
                pgbackrest("stanza-create")
        if begins:
            self.archive_histories()
            self.kept.archived.touch()
        beat = self.server.beat()
        # It goes through all of them, and ends at the first one that is away.
        with noted(failures):
            pgbackrest("check")
        return beat

    def archive_histories(self) -> None:
        """Archive where each timeline began: PostgreSQL tries that once, and what began before it was to archive counts as done.

        A restore begins the first timeline that the repository doesn't know. What is written on one that began twice can't be
        archived.
        """
        for path in self.server.histories():
            pgbackrest("archive-push", "--no-archive-async", str(path))

    def refuse_what_can_not_be_archived(self, found: dict[str, dict[str, Any]]) -> None:
        """Have nothing archived into a repository that would never take it: what waits for it would fill the disk.

        :raises BackupError: there is such a one.
        """
        if (size := self.server.segment_size()) != SEGMENT:
            raise BackupError(
                f"PostgreSQL writes its log of changes in files of {size}, and gaps can be told among files of {SEGMENT} alone, "
                "so nothing is archived. Have something else back it up, and set site_backups_enabled: false"
            )
        system = self.server.system()
        for where, each in found.items():
            if each["error"] and not self.kept.archived.exists():
                raise BackupError(f"the backups in {where} can't be read, so nothing is archived: {each['error']}")
            if each["system"] not in ("", system):
                self.kept.archived.unlink(missing_ok=True)
                raise BackupError(
                    f"the backups in {where} are of another server ({each['system']}) than this one ({system}), so nothing is "
                    "archived. If PostgreSQL was upgraded, run as postgres: pgbackrest --stanza=main stanza-upgrade. "
                    "If the server is a new one, playbooks/restore.yml brings their data into it; or move them away, or name "
                    "another path in pgbackrest_repositories"
                )

    def refuse_too_large(self, number: int, kind: str) -> None:
        """Refuse a backup that would fill a disk of this host, on which PostgreSQL may live as well.

        :raises BackupError: there is no room for it.
        """
        said = self.said(number)
        if said["elsewhere"]:
            return
        alike = [one["info"] for one in repository(number)["backups"] if one["type"] == kind]
        sizes = [info.get("repository", {}).get("delta", 0) for info in alike]
        needed = int(sizes[-1] * GROWTH) if sizes else self.server.size() // PACKED if kind == "full" else 0
        free = free_at(said["where"])
        if free < needed + SPARE:
            raise BackupError(
                f"no room: a {kind} backup needs about {(needed + SPARE) // MEBI} MiB, and {said['where']} has "
                f"{free // MEBI} MiB free. Make room there, set pgbackrest_kept_fulls lower, or name another place in "
                "pgbackrest_repositories"
            )

    def back_up_if_due(self, number: int) -> None:
        """Look for gaps in a repository, and make the backup that is due."""
        found = self.readable(number)
        gaps = self.noted_gaps(number, found)
        timeline = max((file.timeline for file in wal.archived(archived_paths(number, found["archive"]))), default=0)
        wanted = due.due(found["backups"], gaps, time.time(), self.settings.hour, self.settings.full_days, timeline)
        if gaps and wanted == "full":
            print(f"Repository {number} lacks {', '.join(map(str, gaps))}: a new full backup begins.", flush=True)
        if wanted:
            self.make(number, wanted)
            self.noted_gaps(number, self.readable(number))

    def noted_gaps(self, number: int, found: dict[str, Any]) -> list[wal.Gap]:
        """Return what is missing in a repository since its oldest backup, and remember it."""
        fulls = due.fulls(found["backups"])
        files = wal.archived(archived_paths(number, found["archive"])) if fulls else []
        gaps = wal.gaps(files, wal.File.of(fulls[0]["archive"]["start"]), self.server.way()) if fulls else []
        self.kept.write(f"gaps-{number}", [[str(gap.first), str(gap.last)] for gap in gaps])
        return gaps

    def make(self, number: int, kind: str) -> None:
        """Make a backup in one repository; what is too old goes, unless the new one has damaged pages."""
        self.refuse_too_large(number, kind)
        pgbackrest("backup", f"--type={kind}", f"--repo={number}", "--no-expire-auto")
        newest = self.readable(number)["backups"][-1:]
        if newest and not newest[0].get("error"):
            pgbackrest("expire", f"--repo={number}")

    def rehearse(self, beat: float) -> dict[str, Any]:
        """Rehearse a restore from the repository whose turn it is, and remember how it went."""
        last = self.kept.read("drill", {})
        position = (
            (self.numbers.index(last["repository"]) + 1) % len(self.numbers) if last.get("repository") in self.numbers else 0
        )
        number = self.numbers[position]
        backups = due.leading(self.readable(number)["backups"], self.returns)
        if not backups:
            raise BackupError(f"there is no backup in repository {number} to rehearse with")
        result = Drill(self.settings).rehearse(number, backups[-1], beat)
        self.kept.write("drill", result)
        return result

    def described(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return how one repository is."""
        found = repository(said["number"])
        known = [] if found["error"] else self.kept.read(f"gaps-{said['number']}", [])
        gaps = [wal.Gap(*map(wal.File.of, pair)) for pair in known]
        backups = [
            {
                "label": backup["label"],
                "type": backup["type"],
                "stop": backup["timestamp"]["stop"],
                # Up to which moment it leads; none when nothing is missing after it.
                "until": due.restorable_until(backup, found["backups"], gaps),
                "size": backup["info"]["size"],
                # Whether the checksum of any page was wrong.
                "damaged": bool(backup.get("error")),
            }
            for backup in found["backups"]
        ]
        newest = backups[-1] if backups else None
        return {
            **said,
            "error": found["error"],
            "version": found["version"],
            "system": found["system"],
            "busy": found["busy"],
            "free_mb": None if said["elsewhere"] else free_at(said["where"]) // MEBI,
            "newest": newest and {name: newest[name] for name in ("label", "type", "stop", "damaged")},
            "backups": backups,
            "since": due.restorable_since(found["backups"], gaps),
            "gaps": [str(gap) for gap in gaps],
            "open_gaps": [str(gap) for gap in due.open_gaps(found["backups"], gaps)],
        }
