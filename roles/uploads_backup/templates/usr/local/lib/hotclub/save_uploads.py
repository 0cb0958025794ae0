"""Saves a site's uploaded files by restic, as the units <site>-uploads@ run it; the word behind it is the name of the copy.

Its environment says the rest: SITE, UPLOADS, KEPT_DAYS, and what restic reads itself, RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

# The copy by the timer, after which those that are too old go.
HOURLY = "hourly"
MEBI = 1024 * 1024
KEPT_FREE_BYTES = 512 * MEBI
# In restic's words: the copy is there, without files that could not be read.
INCOMPLETE = 3


class SaveError(Exception):
    """What is in the way of a copy."""


def restic(*words: str) -> int:
    """Run restic, whose complaints go to the journal, and return its exit code."""
    # What it would keep to be quicker is on the same disk already.
    return subprocess.run(["restic", "--no-cache", "--quiet", *words], check=False, cwd="/").returncode


def must(*words: str) -> None:
    """Run restic.

    :raises SaveError: it failed.
    """
    if code := restic(*words):
        raise SaveError(f"restic {words[0]} failed ({code}); its own words are above.")


def save(name: str, settings: Mapping[str, str]) -> None:
    """Make a copy.

    :raises SaveError: there is none now, or not of all files.
    """
    uploads, repository = Path(settings["UPLOADS"]), Path(settings["RESTIC_REPOSITORY"])
    for folder, remedy in (
        (uploads, "Correct site_media_path."),
        (repository, "Mount what holds it, and run playbooks/site.yml."),
    ):
        if not folder.is_dir():
            raise SaveError(f"There is no folder {folder}. {remedy}")
    with alone(repository):
        refuse_small(uploads, repository)
        if not (repository / "config").exists():
            must("init")
        elif any((repository / "locks").iterdir()):
            # Of one that was killed.
            must("unlock")
        backup = ("backup", "--host", settings["SITE"], "--tag", name, str(uploads))
        code = restic(*backup)
        if code == INCOMPLETE:
            # A file that was removed meanwhile is in nobody's way the second time.
            code = restic(*backup)
        if code:
            raise SaveError(f"The copy is not whole ({code}); restic's own words are above.")
        if name == HOURLY:
            must("forget", "--group-by", "host", "--keep-within", f"{settings['KEPT_DAYS']}d", "--prune")


@contextlib.contextmanager
def alone(repository: Path) -> Iterator[None]:
    """Wait until nobody else makes a copy, or restores one, which this could remove."""
    there = os.open(repository, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(there, fcntl.LOCK_EX)
        yield
    finally:
        os.close(there)


def refuse_small(uploads: Path, repository: Path) -> None:
    """Refuse a copy that would fill the disk, on which more may be than copies.

    :raises SaveError: there is no room for what is new since the last one.
    """
    last = max((path.stat().st_mtime for path in (repository / "snapshots").glob("*")), default=0.0)
    new, free = sum(new_bytes(uploads, last)), shutil.disk_usage(repository).free
    if free - new < KEPT_FREE_BYTES:
        raise SaveError(
            f"{repository} has {free // MEBI} MiB free, and {new // MEBI} MiB of uploads are new; {KEPT_FREE_BYTES // MEBI} MiB "
            "have to be left. Make room, name another disk in uploads_backup_path, or set pgbackrest_kept_fulls lower."
        )


def new_bytes(folder: Path, since: float) -> Iterator[int]:
    """Yield the sizes of the files that have come or changed since a moment."""
    for place, _folders, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(place, name))
            except FileNotFoundError:
                # Removed meanwhile.
                continue
            if found.st_ctime >= since:
                yield found.st_size


def main(name: str) -> int:
    """Make a copy, and say on one's way out what was in the way."""
    try:
        save(name, os.environ)
    except (SaveError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
