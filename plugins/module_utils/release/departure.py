# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stopping a site on a host for good: nothing wakes it again, and what it was given is gone."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers

# Those that may take long to finish their tasks, before anything that they may need.
WORKERS = "{site}-worker-*@*.service"
# Stands between them and what they need.
NEEDED = "{site}-workers.target"
CALLS = "{site}-timer-*.timer"
RUNS = "{site}-timer-*@*.service"
COMMANDS = "{site}-command-*.service"
# Sockets and timers first: nothing may wake what is meant to end. No pattern meets the units of another site.
PATTERNS = (
    CALLS,
    RUNS,
    "{site}-timer-*.service",
    COMMANDS,
    WORKERS,
    NEEDED,
    "{site}.socket",
    "{site}-net.socket",
    "{site}-direct@*.socket",
    "{site}-probe@*.socket",
    "{site}-hold-guard.timer",
    "{site}-hold.service",
    "{site}-probe@*.service",
    "{site}@*.service",
)
# Uploaded files are nobody's to remove but their owner's.
KEPT = "shared"


@dataclass(frozen=True)
class Departure:
    """One site on a host that it leaves."""

    site: Site
    units: Path = UNITS

    def running(self) -> list[str]:
        """Return the units of the site that run, or are open, in the order in which they are to end."""
        listed = systemctl(
            "list-units", "--plain", "--no-legend", "--full", "--state=active,activating,reloading,deactivating,failed",
            *(pattern.format(site=self.site.name) for pattern in PATTERNS),
        ).stdout  # fmt: skip
        return in_order([line.split()[0] for line in listed.splitlines() if line.split()], self.site.name)

    def leftovers(self) -> Iterator[Path]:
        """Yield what the release engine has written for systemd: what starts at boot, and what traffic wakes."""
        name = self.site.name
        for socket in (f"{name}.socket", f"{name}-net.socket"):
            yield from self._there(self.units / f"{socket}.d")
            yield from self._there(self.units / "sockets.target.wants" / socket)
        for pattern in ("{site}@*.service", WORKERS):
            yield from sorted((self.units / "multi-user.target.wants").glob(pattern.format(site=name)))
        yield from sorted((self.units / "timers.target.wants").glob(CALLS.format(site=name)))
        yield from sorted(self.units.glob(f"{name}-worker-*@.service"))
        yield from sorted(self.units.glob(f"{name}-timer-*.*"))
        yield from self._there(self.units / NEEDED.format(site=name))

    def contents(self) -> list[Path]:
        """Return everything in the site's folder but what its visitors have uploaded."""
        if not self.site.root.is_dir():
            return []
        return sorted(Path(entry.path) for entry in os.scandir(self.site.root) if entry.name != KEPT)

    def uploads(self) -> str:
        """Return the folder of uploaded files when there are any; empty otherwise."""
        there = any(path.is_file() for path in self.site.shared.rglob("*")) if self.site.shared.is_dir() else False
        return str(self.site.shared) if there else ""

    def move_uploads(self, target: Path) -> str:
        """Move what visitors have uploaded to another folder of the same file system, and remove the site's folder.

        :returns: where the files are now; they stay where they are on a file system of their own.
        """
        uploads = self.uploads()
        if uploads:
            if target.exists():
                raise Trouble(
                    f"{target} has uploaded files already, which are not overwritten. Those in {uploads} are as they were.",
                    "Move that folder away, then run this again.",
                )
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            try:
                os.rename(uploads, target)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EBUSY):
                    raise
                return uploads
            # The accounts that may read it stay, and whoever is not one of them may not.
            target.chmod(0o700)
        elif self.site.shared.is_dir():
            shutil.rmtree(self.site.shared)
        if self.site.root.is_dir() and not any(self.site.root.iterdir()):
            self.site.root.rmdir()
        return str(target) if uploads else ""

    def stop(self, units: list[str]) -> None:
        """End these units, one kind after the other.

        :raises Trouble: one of them goes on.
        """
        # What runs ends by itself, and begins no more.
        timers = Timers(self.site)
        timers.end()
        Commands(self.site).end()
        if workers := [unit for unit in units if unit.startswith(f"{self.site.name}-worker-")]:
            # All at once, and each for as long as its tasks may take.
            run(["systemctl", "stop", *workers], timeout=DAY_SECONDS)
        for unit in units:
            systemctl("stop", unit)
            systemctl("reset-failed", unit)
        timers.forget()
        if still := self.running():
            raise Trouble(
                f"{', '.join(still)} can't be stopped on {os.uname().nodename}.", f"See systemctl status {still[0]} there."
            )

    def remove(self, paths: list[Path]) -> None:
        """Remove files, links and folders, links not followed."""
        for path in paths:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        if paths:
            systemctl("daemon-reload")

    @staticmethod
    def _there(path: Path) -> Iterator[Path]:
        if path.is_symlink() or path.exists():
            yield path


def in_order(units: list[str], name: str) -> list[str]:
    """Return units of a site in the order in which they are to end."""
    prefixes = [pattern.format(site=name).partition("*")[0] for pattern in PATTERNS]
    suffixes = [pattern.rsplit(".", 1)[1] for pattern in PATTERNS]

    def place(unit: str) -> int:
        kinds = zip(prefixes, suffixes, strict=True)
        return next(number for number, (first, last) in enumerate(kinds) if unit.startswith(first) and unit.endswith(last))

    return sorted(units, key=lambda unit: (place(unit), unit))
