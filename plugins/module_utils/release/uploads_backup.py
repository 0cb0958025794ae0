# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of a site's uploaded files, and the files of a moment brought back from them.

A file is never removed: what was uploaded after a copy was made may be what the database of the wanted moment names.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, PATH, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, journal, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads import KEPT_FREE_BYTES, MEBI, as_owner_of, members

USUAL = "/var/lib/hotclub-uploads"
# Two files of the same size are one if they were written at the same moment.
SAME_SECONDS = 0.001
# Of a name in a unit's.
STRANGE = re.compile(r"[^A-Za-z0-9_.:-]")
PARTIAL = ".restored-by-hotclub"
FOLDER_MODE = 0o2750


@dataclass(frozen=True)
class File:
    """A file of a copy."""

    size: int
    mtime: float


@dataclass(frozen=True)
class Copy:
    """What restic calls a snapshot."""

    id: str
    time: float
    folder: str

    @property
    def told(self) -> str:
        """When it was made, by the clock of the host."""
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))


@dataclass(frozen=True)
class Plan:
    """What a restore would do to the folder: names below it."""

    missing: Mapping[str, File]
    # Those that have changed since the wanted moment, and are not what the copy has.
    replaced: Mapping[str, File]

    @property
    def bytes(self) -> int:
        """How much it brings."""
        return sum(file.size for file in (*self.missing.values(), *self.replaced.values()))


@dataclass(frozen=True)
class Copies:
    """The copies of one site's uploads."""

    site: str
    repository: Path
    root: Path = Path("/")

    @property
    def units(self) -> str:
        """What the names of the units begin with."""
        return f"{self.site}-uploads"

    @property
    def timer(self) -> str:
        """What has them saved every hour."""
        return f"{self.units}.timer"

    @property
    def settings(self) -> Path:
        """Where the passphrase is."""
        return self.root / "etc/hotclub" / self.units

    def service(self, name: str) -> str:
        """Return the unit that makes a copy of that name."""
        return f"{self.units}@{STRANGE.sub('_', name)}.service"

    def newest(self) -> float:
        """Return when the newest copy was made; 0 where there is none."""
        return max((path.stat().st_mtime for path in (self.repository / "snapshots").glob("*")), default=0.0)

    def save(self, name: str) -> None:
        """Make a copy now.

        :raises Trouble: it was not made.
        """
        unit = self.service(name)
        if not (UNITS / self.timer).exists():
            raise Trouble(f"{os.uname().nodename} saves no uploads of {self.site}.", "Run playbooks/site.yml.")
        done = run(["systemctl", "start", unit], timeout=DAY_SECONDS)
        if done.code:
            said = journal(f"--unit={unit}", 6)
            systemctl("reset-failed", unit)
            raise Trouble(
                f"The uploads of {self.site} on {os.uname().nodename} were not saved.",
                f"Correct that, and run this again; journalctl -u {unit} has more.",
                said,
            )

    # --- what is there

    def before(self, moment: float) -> Copy | None:
        """Return the newest copy that was begun not after a moment."""
        if not (self.repository / "config").exists():
            return None
        with self._restic("snapshots", "--json", "--host", self.site) as told:
            found = [copy_of(one) for one in json.load(told) or []]
        return max((copy for copy in found if copy.time <= moment), key=lambda copy: copy.time, default=None)

    def files(self, copy: Copy) -> dict[str, File]:
        """Return the files of a copy, by their names below the folder."""
        found, below = {}, copy.folder.rstrip("/") + "/"
        with self._restic("ls", "--json", copy.id) as told:
            for line in told:
                node = json.loads(line)
                if node.get("type") == "file" and node["path"].startswith(below):
                    found[node["path"].removeprefix(below)] = File(node.get("size", 0), moment_of(node["mtime"]))
        return found

    def plan(self, copy: Copy, folder: Path, moment: float) -> Plan:
        """Say what it takes to have the files of a moment in a folder."""
        missing, replaced, files = {}, {}, self.files(copy)
        with as_owner_of(folder) if folder.is_dir() else contextlib.nullcontext():
            for name, file in sorted(files.items()):
                there = _stat(folder / name)
                if there is not None and is_that(there, file):
                    continue
                if there is None:
                    missing[name] = file
                # Not when it was written, which whoever writes may choose: a file that has come back carries its former time.
                elif there.st_ctime > moment:
                    replaced[name] = file
        return Plan(missing, replaced)

    # --- bringing back

    def bring(self, copy: Copy, folder: Path, moment: float) -> Plan:
        """Bring the files of a moment into a folder that is there.

        :raises Trouble: there is no room, or the copy is damaged.
        """
        plan = self.plan(copy, folder, moment)
        wanted = {**plan.missing, **plan.replaced}
        if not wanted:
            return plan
        refuse_small(folder, plan.bytes)
        below = copy.folder.strip("/") + "/"
        with (
            self._restic("dump", copy.id, copy.folder) as told,
            tarfile.open(fileobj=told, mode="r|") as archive,
            # The site's account may have put a link to anywhere into its folder.
            as_owner_of(folder),
        ):
            for member in members(archive):
                name = member.name.strip("/").removeprefix(below)
                if name in wanted and (source := archive.extractfile(member)):
                    with source:
                        put(source, folder / name, folder, member.mode, wanted.pop(name).mtime)
        if wanted:
            raise Trouble(f"The copy of {copy.told} lacks {len(wanted)} files that it names, such as {min(wanted)}.")
        return plan

    def beside(self, copy: Copy, folder: Path) -> Plan:
        """Bring a copy into a new folder, which root alone may enter.

        :raises Trouble: the folder is there, or there is no room.
        """
        refuse_there(folder)
        folder.mkdir(mode=0o700)
        try:
            return self.bring(copy, folder, copy.time)
        except BaseException:
            shutil.rmtree(folder)
            raise

    # --- restic

    @contextlib.contextmanager
    def _restic(self, *words: str) -> Iterator[IO[bytes]]:
        """Run restic, and give what it prints.

        :raises Trouble: it failed.
        """
        environment = {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": "/nonexistent",
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD_FILE": str(self.settings / "passphrase"),
        }
        with self._undisturbed(), tempfile.TemporaryFile() as complaints:
            # What it prints may be larger than the memory, and comes to the end of its own accord.
            with subprocess.Popen(  # pylint: disable=ansible-bad-function
                ["restic", "--no-cache", "--no-lock", "--quiet", *words],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
            ) as process:
                printed = cast(IO[bytes], process.stdout)
                unread: Exception | None = None
                try:
                    yield printed
                    while printed.read(MEBI):
                        pass
                except (ValueError, tarfile.TarError) as error:
                    # What it printed has no end, for which it may have a reason.
                    unread = error
                    printed.close()
                except BaseException:
                    process.kill()
                    raise
            if process.returncode or unread:
                complaints.seek(0)
                raise Trouble(
                    f"The copies of the uploads in {self.repository} can't be read.",
                    "See that the secrets of the inventory are those with which they were made; restic check looks through them.",
                    complaints.read().decode(errors="replace").strip()[-2000:],
                ) from unread

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Wait until no copy is being made, which may remove older ones, and keep others from beginning."""
        there = os.open(self.repository, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(there, fcntl.LOCK_SH)
            yield
        finally:
            os.close(there)


def copy_of(told: Mapping[str, Any]) -> Copy:
    """Return a copy as restic tells of it."""
    return Copy(told["id"], moment_of(told["time"]), told["paths"][0])


def moment_of(text: str) -> float:
    """Return a moment that restic has written, with more digits than Python reads."""
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()


def is_that(there: os.stat_result, file: File) -> bool:
    """Say whether a file is still what a copy has."""
    return there.st_size == file.size and abs(there.st_mtime - file.mtime) < SAME_SECONDS


def refuse_there(folder: Path) -> None:
    """Refuse to restore into a folder that is there.

    :raises Trouble: it is.
    """
    if os.path.lexists(folder):
        raise Trouble(
            f"{os.uname().nodename} has {folder} already. Nothing was changed.",
            "Take another name for restore_beside, or remove that folder.",
        )


def refuse_small(folder: Path, size: int) -> None:
    """Refuse to fill a disk.

    :raises Trouble: the files would.
    """
    free = shutil.disk_usage(folder).free
    if free < size + KEPT_FREE_BYTES:
        raise Trouble(
            f"{folder} on {os.uname().nodename} has {free // MEBI} MiB free, too little for {size // MEBI} MiB of uploads.",
            "Make room there, and run this again.",
        )


def put(source: IO[bytes], target: Path, folder: Path, mode: int, mtime: float) -> None:
    """Put a file into its place at once, with its time, by which it is known; the archive has that in whole seconds alone."""
    _make_folders(folder, target.parent)
    beside = target.with_name(PARTIAL)
    beside.unlink(missing_ok=True)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, MEBI)
            os.fchmod(file.fileno(), mode & 0o755 | 0o600)
        os.utime(beside, (mtime, mtime))
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _make_folders(folder: Path, wanted: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    for each in reversed([wanted, *wanted.parents]):
        if each.is_relative_to(folder) and not each.is_dir():
            each.mkdir()
            each.chmod(mode)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
