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
from kept import POINTS_AT_MOST, Kept, Settings
from pgbackrest import BackupError, archived_paths, pgbackrest, repository
from postgres import Postgres

PATIENCE_SECONDS = 3600.0
# For which a copy waits for the primary to make the repository.
REPOSITORY_SECONDS, REPOSITORY_PAUSE = 300.0, 10.0
# What members tell one another, by the name under which each keeps it, and what that is.
SHARED: dict[str, Any] = {"points": {}, "returns": []}
# What is expected of a backup: a little more than the one before has, and of the first one that data packs to half of it.
GROWTH, PACKED = 1.2, 2
SEGMENT = "16MB"
# Under which a backup says which member has made it.
HOST = "host"


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
        if not self.runs_here or (not self.server.is_member and self.server.state()[0]):
            # Moved elsewhere, or a copy of another one, which has backups of its own.
            return
        with self.kept.alone():
            # What an interrupted drill has left takes the room of the data once more.
            Drill(self.settings).clear()
            failures: list[str] = []
            with noted(failures):
                if self.follows:
                    self.be_ready_to_lead()
                    beat = self.server.settled_beat()
                else:
                    beat = self.prepare(failures)
                    self.share()
                    for number in self.numbers:
                        with noted(failures):
                            self.back_up_if_due(number)
                if not failures and self.drill_is_due() and not self.drill_of_another():
                    self.rehearse(beat)
            self.kept.write("failure", {"at": time.time(), "said": "; ".join(failures)})
        drill = self.kept.read("drill", {})
        if drill and not drill["good"] and drill["at"] > time.time() - PATIENCE_SECONDS:
            failures.append(f"the drill failed: {drill['said']}")
        if failures:
            raise BackupError("\n".join(failures))

    def backup(self, kind: str) -> dict[str, Any]:
        """Make a backup in every repository now; a copy makes ready for the time when it leads.

        :raises BackupError: one can't be made; the others are.
        """
        if self.follows:
            with self.kept.alone(PATIENCE_SECONDS):
                self.be_ready_to_lead()
            return self.look()
        with self.kept.alone(PATIENCE_SECONDS):
            failures: list[str] = []
            with noted(failures):
                self.prepare(failures)
                self.share()
                for number in self.numbers:
                    with noted(failures):
                        self.make(number, kind)
                        self.noted_gaps(number, self.readable(number))
            self.kept.write("failure", {"at": time.time(), "said": "; ".join(failures)})
        if failures:
            raise BackupError("\n".join(failures))
        return self.look()

    def drill(self) -> dict[str, Any]:
        """Rehearse a restore now; of several members, one that follows does, and the others tell which.

        :raises BackupError: it failed.
        """
        if other := self.drill_of_another():
            return {"left_to": other}
        with self.kept.alone(PATIENCE_SECONDS):
            failures: list[str] = []
            beat = self.server.settled_beat() if self.follows else self.prepare(failures)
            if failures:
                raise BackupError("\n".join(failures))
            result = self.rehearse(beat)
        if not result["good"]:
            raise BackupError(f"The drill failed: {result['said']}")
        return result

    def point(self, name: str) -> dict[str, Any]:
        """Name this moment, on the server that takes changes."""
        if self.follows:
            return {"follows": True}
        moment, timeline = self.server.name_moment(name)
        self.kept.remember_point(name, moment, timeline)
        self.share()
        return {"name": name, "moment": moment}

    def note_return(self, since: float) -> dict[str, Any]:
        """Note that the server went back to an earlier moment: a full backup is due."""
        self.kept.remember_return(since)
        return {"since": since}

    def look(self) -> dict[str, Any]:
        """Return how the backups are, without a change; a copy tells of itself alone."""
        rehearses = self.rehearses
        mine = {
            "site": self.settings.site,
            "failure": self.kept.read("failure", {}).get("said", ""),
            "drill": self.kept.read("drill", {}) if rehearses else {},
            "drill_days": self.settings.drill_days if rehearses else 0,
        }
        if self.follows:
            return mine | {"follows": True, "archives": self.server.would_archive(), "ready": self.kept.archived.exists()}
        points, returns = (self.shared(name) for name in SHARED)
        return mine | {
            "hour": self.settings.hour,
            "archives": self.server.archiving() if self.runs_here else None,
            "waiting": self.server.waiting(),
            "repositories": [self.described(said) for said in self.settings.repositories],
            "points": points,
            "returns": returns,
        }

    # --- a server that another one may take the place of

    @property
    def runs_here(self) -> bool:
        """Whether the server is to run here, by itself or by Patroni."""
        return self.server.is_member or self.server.starts_by_itself

    @property
    def follows(self) -> bool:
        """Whether it is a member of a cluster that follows the primary, which makes the backups."""
        if not self.server.is_member:
            return False
        try:
            return self.server.state()[0]
        except BackupError:
            # It doesn't answer, so it leads nobody.
            return True

    def be_ready_to_lead(self) -> None:
        """Have a copy archive from its first moment as the primary on, and remember what the others do.

        :raises BackupError: the repository isn't there, or can't be read.
        """
        end = time.monotonic() + REPOSITORY_SECONDS
        while True:
            found = {said["where"]: repository(said["number"]) for said in self.settings.repositories}
            self.refuse_what_can_not_be_archived(found)
            for where, each in found.items():
                if each["error"]:
                    raise BackupError(f"the backups in {where} can't be read from this copy: {each['error']}")
            if all(each["exists"] for each in found.values()):
                break
            if time.monotonic() >= end:
                raise BackupError("the primary has made no repository yet, so this copy would archive nothing in its place")
            time.sleep(REPOSITORY_PAUSE)
        self.kept.archived.touch()
        for name in SHARED:
            self.kept.write(name, self.shared(name))

    def shared(self, name: str) -> Any:
        """Return what this host remembers under a name, with what the other members do."""
        own = self.kept.read(name, SHARED[name])
        if not self.server.is_member:
            return own
        with contextlib.suppress(BackupError):
            theirs = self.server.notes().get(name, SHARED[name])
            if isinstance(own, dict):
                return dict(sorted({**theirs, **own}.items(), key=lambda one: one[1]["moment"])[-POINTS_AT_MOST:])
            return sorted([*theirs, *(one for one in own if one not in theirs)], key=lambda one: one["until"])
        return own

    def share(self) -> None:
        """Have the members remember what this one does, by what they copy, and this one what they do."""
        if not self.server.is_member:
            return
        noted_by_members = self.server.notes()
        for name in SHARED:
            said = self.shared(name)
            if said != noted_by_members.get(name, SHARED[name]):
                self.server.keep_note(name, said)
            if said != self.kept.read(name, SHARED[name]):
                self.kept.write(name, said)

    def drill_is_due(self) -> bool:
        """Say whether a restore is to be rehearsed."""
        backups = repository(self.numbers[0])["backups"]
        return due.drill_is_due(backups, self.kept.read("drill", {}), time.time(), self.settings.drill_days)

    @property
    def rehearses(self) -> bool:
        """Whether restores are rehearsed on this host, as far as anybody knows."""
        try:
            return not self.drill_of_another()
        except BackupError:
            return False

    def drill_of_another(self) -> str:
        """Return the member that rehearses restores in place of this one: the first one that follows; empty for none."""
        if not self.server.is_member:
            return ""
        copies = self.server.copies()
        return copies[0] if copies and copies[0] != self.server.name else ""

    def push_again(self, gaps: list[wal.Gap]) -> bool:
        """Archive what is missing and here: what a primary wrote last may have reached its copies and no repository.

        :returns: whether any of it was here.
        """
        pushed = False
        for gap in gaps:
            for number in range(gap.first.number, gap.last.number + 1):
                path = self.server.data / "pg_wal" / str(wal.File(gap.first.timeline, number))
                if path.exists():
                    pgbackrest("archive-push", "--no-archive-async", str(path))
                    pushed = True
        return pushed

    # --- what they are made of

    @property
    def returns(self) -> list[dict[str, float]]:
        """The restores in place, each with the moment to which it went, and when that was."""
        return list(self.shared("returns"))

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
        newest_full = due.fulls(found["backups"])[-1:]
        if self.server.is_member and newest_full and due.leads_by_failovers(newest_full[0], self.server.way()):
            # Another member has led on from it; a restore in place would have left it.
            timeline = 0
        wanted = due.due(found["backups"], gaps, time.time(), self.settings.hour, self.settings.full_days, timeline)
        if gaps and wanted == "full":
            print(f"Repository {number} lacks {', '.join(map(str, gaps))}: a new full backup begins.", flush=True)
        if wanted:
            self.make(number, wanted)
            self.noted_gaps(number, self.readable(number))

    def noted_gaps(self, number: int, found: dict[str, Any]) -> list[wal.Gap]:
        """Return what is missing in a repository since its oldest backup, and remember it."""
        gaps = self.gaps(number, found)
        if gaps and self.server.is_member and self.push_again(gaps):
            gaps = self.gaps(number, found)
        self.kept.write(f"gaps-{number}", [[str(gap.first), str(gap.last)] for gap in gaps])
        return gaps

    def gaps(self, number: int, found: dict[str, Any]) -> list[wal.Gap]:
        """Return what is missing in a repository since its oldest backup."""
        fulls = due.fulls(found["backups"])
        if not fulls:
            return []
        files = wal.archived(archived_paths(number, found["archive"]))
        return wal.gaps(files, wal.File.of(fulls[0]["archive"]["start"]), self.server.way())

    def make(self, number: int, kind: str) -> None:
        """Make a backup in one repository; what is too old goes, unless the new one has damaged pages."""
        self.refuse_too_large(number, kind)
        by = [f"--annotation={HOST}={self.server.name}"] if self.server.is_member else []
        pgbackrest("backup", f"--type={kind}", f"--repo={number}", "--no-expire-auto", *by)
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
                # The member that has made it, where it could be another one.
                "host": backup.get("annotation", {}).get(HOST, ""),
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
            "newest": newest and {name: newest[name] for name in ("label", "type", "stop", "damaged", "host")},
            "backups": backups,
            "since": due.restorable_since(found["backups"], gaps),
            "gaps": [str(gap) for gap in gaps],
            "open_gaps": [str(gap) for gap in due.open_gaps(found["backups"], gaps)],
        }
