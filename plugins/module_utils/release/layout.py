# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a site keeps its releases on a host, and what is written about each of them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import append_line, put, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import (
    OF_RELEASE,
    Parts,
    filled,
    parse,
    parts_of,
    render,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import refuse_without, renewed

# Years of daily deployments.
LONGEST_HISTORY = 2000
# Sorts by time and carries the commit: 20261123T081500-1a2b3c4.
RELEASE_ID = re.compile(r"^[0-9]{8}T[0-9]{6}-[0-9a-f]{7}\Z")


@dataclass(frozen=True)
class Site:
    """One site on one host: its name and the folder that holds all of it."""

    name: str
    root: Path

    @classmethod
    def at(cls, name: str, root: str) -> Site:
        """Return the site of that name under that folder."""
        return cls(name, Path(root))

    @property
    def build_user(self) -> str:
        """The account that builds releases and never serves."""
        return f"{self.name}-build"

    @property
    def releases(self) -> Path:
        """The folder with one folder a release."""
        return self.root / "releases"

    @property
    def venvs(self) -> Path:
        """The folder with one virtualenv for each set of requirements."""
        return self.root / "venvs"

    @property
    def shared(self) -> Path:
        """What outlives releases: media and the project's own writable folders."""
        return self.root / "shared"

    @property
    def static(self) -> Path:
        """What the web server serves: the static files of every release that is kept."""
        return self.root / "static"

    @property
    def incoming(self) -> Path:
        """What the controller has sent of files, until a release has it."""
        return self.releases / ".incoming"

    @property
    def repository(self) -> Path:
        """The mirror of the project's git repository."""
        return self.root / "repo"

    @property
    def current_link(self) -> Path:
        """The link to the release that serves, at boot too."""
        return self.root / "current"

    @property
    def lock_file(self) -> Path:
        """Who is releasing right now."""
        return self.root / "deploy.lock"

    @property
    def history_file(self) -> Path:
        """One line of JSON for each time that a release began to serve."""
        return self.root / "history.jsonl"

    @property
    def environment_file(self) -> Path:
        """The environment of the site's processes, secrets included."""
        return self.root / "etc" / "environment"

    @property
    def release_environment_file(self) -> Path:
        """What of it means another thing in each release, in parts, since systemd fills nothing in."""
        return self.root / "etc" / "release-environment.json"

    def release(self, identifier: str) -> Path:
        """Return the folder of a release."""
        return self.releases / identifier

    def current(self) -> str:
        """Return the id of the release that serves, empty when there is none."""
        try:
            return os.path.basename(os.readlink(self.current_link))
        except OSError:
            return ""

    def built(self) -> list[str]:
        """Return the ids of all finished releases, oldest first."""
        if not self.releases.is_dir():
            return []
        return sorted(
            entry.name
            for entry in os.scandir(self.releases)
            if RELEASE_ID.match(entry.name)
            and entry.is_dir(follow_symlinks=False)
            and os.path.exists(os.path.join(entry.path, "RELEASE.json"))
        )

    def runnable(self) -> list[str]:
        """Return the ids of those of them that this host can run; a balancer has others for their static files alone."""
        return [release for release in self.built() if (self.release(release) / "venv").exists()]

    def describe(self, identifier: str) -> dict[str, Any]:
        """Return what was written about a release when it was built; empty when it is not there."""
        try:
            text = (self.release(identifier) / "RELEASE.json").read_text()
        except OSError:
            return {}
        described: dict[str, Any] = json.loads(text)
        return described

    def history(self) -> list[dict[str, Any]]:
        """Return when which release began to serve, oldest first."""
        return [entry for line in self._history_lines() if (entry := history_entry(line))]

    def remember(self, entry: dict[str, Any]) -> None:
        """Add a line to the history, and leave out the oldest when there are too many."""
        line = json.dumps(entry, sort_keys=True)
        there = self._history_lines()
        if len(there) >= LONGEST_HISTORY:
            put(self.history_file, "".join(f"{old}\n" for old in there[-LONGEST_HISTORY // 2 :]) + line + "\n", 0o600)
            return
        append_line(self.history_file, line)

    def _history_lines(self) -> list[str]:
        try:
            return self.history_file.read_text(errors="replace").splitlines()
        except OSError:
            return []

    def previous(self) -> str:
        """Return the release to go back to: the one that served before the current one and is still here; empty for none.

        A release that was gone back from is never one to go back to, and a second rollback goes on backwards.
        """
        way: list[str] = []
        for entry in self.history():
            if entry["release"] in way:
                del way[way.index(entry["release"]) + 1 :]
            else:
                way.append(entry["release"])
        here, current = set(self.built()), self.current()
        before = [release for release in way if release in here and release != current]
        return before[-1] if before else ""

    def environment(self, identifier: str = "") -> dict[str, str]:
        """Return the environment that the site's processes get, with a release's own part when one is named.

        :raises Trouble: the host has not been prepared.
        """
        try:
            variables = parse(self.environment_file.read_text())
        except OSError as error:
            raise Trouble(
                f"{self.environment_file} can't be read: {error.strerror}.",
                "Run playbooks/site.yml first: it prepares the host.",
            ) from error
        return {**variables, **self._of_release(identifier, variables)} if identifier else variables

    def fill_in(self, identifier: str, checking: bool = False) -> bool:
        """Write what a release's processes are given beside the site's environment, as that is now.

        :returns: whether it was something else before.
        """
        path = self.release(identifier) / "release.env"
        if not path.is_file():
            # systemd names the file that is missing.
            return False
        wanted = self._of_release(identifier, self.environment())
        if parse(path.read_text()) == wanted:
            return False
        if not checking:
            write_atomically(path, render(wanted), 0o640)
        return True

    def _of_release(self, identifier: str, variables: dict[str, str]) -> dict[str, str]:
        """Return a release's own variables, and those of the site that refer to them."""
        written = parse((self.release(identifier) / "release.env").read_text())
        own = {name: value for name, value in written.items() if name in OF_RELEASE}
        return {**own, **{name: filled(parts, own) for name, parts in self._release_parts(variables).items()}}

    def _release_parts(self, variables: dict[str, str]) -> dict[str, Parts]:
        try:
            found: dict[str, Parts] = json.loads(self.release_environment_file.read_text())
        except FileNotFoundError:
            # A host that was prepared before there was such a file has them in the environment, as they were written.
            split = {name: parts_of(value) for name, value in variables.items()}
            return {name: parts for name, parts in split.items() if len(parts) > 1 and set(parts[1::2]) <= set(OF_RELEASE)}
        return found

    @contextlib.contextmanager
    def step(self, wait_seconds: float = 0, run: str = "") -> Iterator[None]:
        """Hold the host's own lock while a step works, so that a step orphaned by its controller never overlaps.

        The kernel lets go of it when the process ends, however it ends.

        :param wait_seconds: how long to wait for a step that still runs.
        :param run: the run that the step belongs to, when it must hold the deployment lock. The lock stays fresh meanwhile.
        :raises Trouble: another step did not end in time, or the run has lost the lock.
        """
        if not self.root.is_dir():
            raise Trouble(f"{os.uname().nodename} has no {self.root} yet.", f"Run playbooks/site.yml, which sets {self.name} up.")
        deadline = time.monotonic() + wait_seconds
        with open(os.open(self.root / ".step.lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() >= deadline:
                        raise Trouble(
                            f"A step of another deployment of {self.name} is still running on this host.",
                            "Wait until it has ended, then run this again.",
                        ) from None
                    time.sleep(0.2)
            if not run:
                yield
                return
            refuse_without(self.lock_file, run, self.name)
            with renewed(self.lock_file, run):
                yield


def history_entry(line: str) -> dict[str, Any]:
    """Return what a line of the history says; empty when a power cut has torn it."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) and isinstance(entry.get("release"), str) else {}


def fleet_view(site: Site) -> dict[str, Any]:
    """Return what other hosts of a fleet must know of this one's releases.

    :returns: ``release``, the one that serves; ``before``, the one to go back to; ``built``, the ids of all that it can run;
        ``known``, what a host that lacks one of the first two needs to build it: version, commit, Python and packages by id.
    """
    current, before = site.current(), site.previous()
    known = {release: site.describe(release) for release in (current, before) if release}
    return {
        "release": current,
        "before": before,
        "built": site.runnable(),
        "known": {
            release: {
                **{key: facts.get(key, "") for key in ("version", "commit", "python")},
                # A lock says what to install.
                "packages": {} if facts.get("locked", True) else facts["packages"],
            }
            for release, facts in known.items()
        },
    }


def now() -> str:
    """Return the time in UTC as people read it: 2026-11-23T08:15:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
