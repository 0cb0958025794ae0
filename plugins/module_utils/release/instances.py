# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The running instances of a site: proving a release, switching to it, and keeping systemd's view of it right.

One socket unit, ``<site>.socket``, owns the address that the web server uses, and in a cluster a second one,
``<site>-net.socket``, the address that balancers use. Each running release is an instance of ``<site>@.service`` and
holds these same sockets, so a switch is: start the new one beside the old one, then stop the old one. An instance is
named like its release; a fresh instance of a release that is running already (its settings changed) gets a numbered
alias, ``<release>.2``.

Where hosts switch one after another, those that come later make themselves ready meanwhile: their instance is started,
and its workers, with the project loaded, wait before their first request for as long as there is a file for it in
``/run/<site>``. The instance that traffic wakes never has one.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically, remove, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, older, properties, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck, ask
from ansible_collections.hotclub.django.plugins.module_utils.release.journal import last_words
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import RELEASE_ID, Site, now
from ansible_collections.hotclub.django.plugins.module_utils.release.project import (
    behind_pool,
    databases_of,
    given_database,
    refuse_other_databases,
    refuse_other_settings,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.sockets import Sockets, service_of

RUNTIME = Path("/run")
# Workers of gunicorn look for a file of that name, by the variable in which their unit tells whose they are:
# roles/gunicorn/templates/srv/_site_/etc/gunicorn.conf.py.j2.
WAITS, INSTANCE = ".waits", "GUNICORN_INSTANCE"
# A worker that is proved writes there which settings it has; the same file, and <site>-probe@.service.
SETTINGS_FILE = "GUNICORN_SETTINGS_FILE"
ALIAS = re.compile(r"^(\d{8}T\d{6}-[0-9a-f]{7})(?:\.(\d+))?$")
POLL_SECONDS = 0.05
ANSWER_SECONDS = 10.0
# More programs than this that want each processor, and a start takes several times as long as usual.
BUSY = 2.0
CORRECT = "Correct the project and deploy again"
# For what waits in a socket that nobody reaches any more.
LINGER_SECONDS = 1.0


def release_of(instance: str) -> str:
    """Return the release that an instance runs."""
    return instance.split(".")[0]


@dataclass(frozen=True)
class Switched:
    """What a switch did: the instance that serves now, and those that it replaced."""

    instance: str
    stopped: Sequence[str]
    seconds: float


class Instances:
    """The instances of one site on this host."""

    def __init__(self, site: Site, check: HealthCheck) -> None:
        self.site = site
        self.check = check
        self.sockets = Sockets(site)
        # The status of the last good answer of an instance that was started; 0 before there is one.
        self.answered = 0

    def service(self, instance: str) -> str:
        """Return the unit of an instance."""
        return service_of(self.site, instance)

    def running(self) -> list[str]:
        """Return the instances that run or are starting, oldest release first."""
        listed = systemctl(
            "list-units", "--plain", "--no-legend", "--full", "--state=active,activating,reloading",
            f"{self.site.name}@*.service",
        ).stdout  # fmt: skip
        names = [line.split()[0] for line in listed.splitlines() if line.split()]
        return sorted(name[len(self.site.name) + 1 : -len(".service")] for name in names)

    def pointed(self) -> str:
        """Return the instance that traffic wakes and that starts at boot; empty when there is none."""
        return self.sockets.pointed()

    def stale(self, instance: str) -> bool:
        """Say whether an instance runs with settings older than those on the disk."""
        files = [
            self.site.environment_file,
            self.site.root / "etc" / "gunicorn.conf.py",
            UNITS / f"{self.site.name}@.service",
            self.site.release(release_of(instance)) / "release.env",
        ]
        return bool(self.sockets.stale()) or older(self.service(instance), "ExecMainStartTimestamp", files)

    def prove(self, release: str) -> None:
        """Start a release where no visitor reaches it, see that it answers well, and end it; nobody notices.

        :param release: id of a finished release.
        :raises Trouble: it doesn't start, or doesn't answer well.
        """
        self.tidy()
        try:
            self._prove(release)
        finally:
            self._end_probe(release)

    def ready(self, release: str) -> None:
        """Start a release that was proved; its workers load the project, and wait for the switch before they take a request.

        Nothing happens on a host that serves nothing yet, where there is nothing to gain, and on one whose unit or whose
        settings of gunicorn are from before workers knew to wait: there it would serve at once.

        :param release: id of a finished release.
        :raises Trouble: it doesn't start.
        """
        self.tidy()
        if not self.pointed() or not self._know_to_wait():
            return
        instance = self._fresh_name(release, self.running())
        write_atomically(self._waits(instance), "")
        try:
            self._must_start(self.service(instance), instance)
        except Trouble:
            self._stop([instance])
            raise

    def waiting(self) -> list[str]:
        """Return the instances whose workers wait for their turn, running or not."""
        return sorted(path.name.removesuffix(WAITS) for path in (RUNTIME / self.site.name).glob(f"*{WAITS}"))

    def switch(self, release: str, action: str, by: str, proved: bool = False) -> Switched:
        """Prove a release, let it serve, and stop what served before.

        :param release: id of a finished release.
        :param action: what the history calls this: deploy, rollback, settings.
        :param by: who asked.
        :param proved: whether it was proved on this host a moment ago.
        :raises Trouble: it doesn't start, or doesn't answer well; what served before still does.
        """
        started = time.monotonic()
        ready = self._made_ready(release)
        self.tidy(ready)
        before = [instance for instance in self.running() if instance != ready]
        instance = ready or self._fresh_name(release, before)
        first = not self.pointed()
        reopened = [] if first else self.sockets.stale()
        added = [] if first else [name for name in self.sockets.closed() if name not in reopened]
        if not proved and not ready:
            self._prove(instance)
        if first:
            # A socket unit can't be opened before it names something to wake.
            self.sockets.point(instance)
        for sockets in (reopened, added):
            if sockets:
                self._reopen(instance, sockets)
        try:
            self._start(instance)
        except Trouble:
            if first:
                self.sockets.close()
            raise
        finally:
            if not proved and not ready:
                self._end_probe(instance)
        self._point(instance)
        self.site.remember({"at": now(), "release": release, "action": action, "by": by})
        if reopened:
            time.sleep(LINGER_SECONDS)
        stopped = [other for other in before if other != instance]
        self._stop(stopped)
        return Switched(instance, stopped, time.monotonic() - started)

    def restore(self, release: str) -> bool:
        """Return to a release that served before; nothing happens where it serves already.

        :returns: whether anything had to change.
        """
        self.tidy()
        if self.site.current() == release and self.running() == [self.pointed()]:
            return False
        self.switch(release, "restore", "hotclub.django")
        return True

    def settled(self) -> bool:
        """Say whether systemd agrees with ``current``: one instance, pointed at, running, and reached, also after a restart."""
        pointed = self.pointed()
        return (
            release_of(pointed) == self.site.current()
            and self.running() == [pointed]
            and self._starts_at_boot(pointed)
            and not self.sockets.closed()
            and not self.sockets.has_leftover()
        )

    def settle(self) -> bool:
        """Make systemd agree with ``current`` after an interrupted switch: one instance, pointed at, running.

        :returns: whether anything had to change.
        """
        self.tidy()
        changed = False
        current = self.site.current()
        if not current:
            return changed
        # Before systemd may start it by itself.
        self.site.fill_in(current)
        pointed, running = self.pointed(), self.running()
        if disabled := self.sockets.disabled():
            self.sockets.enable(disabled)
            changed = True
        if release_of(pointed) == current and not self._starts_at_boot(pointed):
            self._point(pointed)
            changed = True
        if release_of(pointed) != current:
            mine = [instance for instance in running if release_of(instance) == current]
            self._point(mine[-1] if mine else current)
            pointed, changed = self.pointed(), True
        # One that a running instance doesn't hold yet is opened when the instance is replaced.
        closed = self.sockets.closed()
        if f"{self.site.name}.socket" in closed or (closed and pointed not in running):
            self.sockets.open()
            changed = True
        if pointed not in running:
            self._start(pointed)
            changed = True
        strays = [instance for instance in running if instance != pointed]
        if strays:
            self._stop(strays)
            changed = True
        return self.sockets.close_leftover() or changed

    def tidy(self, ready: str = "") -> None:
        """End the provings that an interrupted switch left under way, and the instances whose turn never came.

        :param ready: the instance whose turn it is.
        """
        self._stop([instance for instance in self.waiting() if instance != ready])
        prefix = f"{self.site.name}-probe@"
        listed = systemctl("list-units", "--plain", "--no-legend", "--full", "--all", f"{prefix}*").stdout
        units = [line.split()[0] for line in listed.splitlines() if line.split()]
        for instance in {unit[len(prefix) :].rpartition(".")[0] for unit in units}:
            self._end_probe(instance)

    def _made_ready(self, release: str) -> str:
        """Return the instance of this release that waits for its turn; empty when there is none that may serve as it is."""
        waiting = [instance for instance in self.waiting() if release_of(instance) == release]
        if not waiting or waiting[-1] not in self.running() or self.stale(waiting[-1]) or self.sockets.closed():
            return ""
        return waiting[-1]

    def _know_to_wait(self) -> bool:
        files = (UNITS / f"{self.site.name}@.service", self.site.root / "etc" / "gunicorn.conf.py")
        return all(path.is_file() and INSTANCE in path.read_text() for path in files)

    def _waits(self, instance: str) -> Path:
        return RUNTIME / self.site.name / f"{instance}{WAITS}"

    def _fresh_name(self, release: str, running: Sequence[str]) -> str:
        names = [release, *(f"{release}.{number}" for number in range(2, 1000))]
        instance = next(name for name in names if name not in running)
        if instance != release:
            link_atomically(self.site.release(instance), release)
        return instance

    def _prove(self, instance: str) -> None:
        """Start the release where no visitor reaches it, and go on only when it answers well there.

        It is told to stop then, and whoever calls this sees to its end.
        """
        probe = f"{self.site.name}-probe@{instance}"
        unit = f"{probe}.service"
        good = False
        try:
            self._must_start(unit, instance)
            try:
                self._await_answer(unit, f"/run/{self.site.name}/{instance}.probe.sock", instance)
            except Trouble:
                # Other settings explain a bad answer better than the answer does.
                self._refuse_other_settings(unit, instance, must_tell=False)
                raise
            self._refuse_other_settings(unit, instance)
            good = True
        finally:
            if good:
                systemctl("stop", "--no-block", f"{probe}.socket", unit)
            else:
                self._end_probe(instance)

    def _refuse_other_settings(self, unit: str, instance: str, must_tell: bool = True) -> None:
        """Refuse a release whose application, as it is served, has other settings than those that were checked.

        A host whose unit or whose settings of gunicorn are from before workers told theirs can't be asked.
        """
        files = (UNITS / f"{self.site.name}-probe@.service", self.site.root / "etc" / "gunicorn.conf.py")
        if not all(path.is_file() and SETTINGS_FILE in path.read_text() for path in files):
            return
        try:
            told = json.loads((RUNTIME / f"{self.site.name}-{instance}-probe" / "settings.json").read_text())
            served, debug, media = str(told["module"]), bool(told["debug"]), str(told.get("media", ""))
            databases = databases_of(told["databases"]) if "databases" in told else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            if not must_tell:
                return
            raise self._failure(unit, instance, "does not tell which settings it has") from None
        environment = self.site.environment(release_of(instance))
        refuse_other_settings(
            self.site.release(release_of(instance)) / "src",
            environment.get("SITE_APPLICATION", ""),
            environment.get("DJANGO_SETTINGS_MODULE", ""),
            served,
            debug,
        )
        if databases is not None:
            application = environment.get("SITE_APPLICATION", "")
            refuse_other_databases(
                application,
                behind_pool(databases, environment),
                self._checked_databases(release_of(instance)),
                given_database(environment),
            )
        if media:
            raise Trouble(
                f"Uploads would fail: as the site sees it from inside its sandbox on {os.uname().nodename}, {media}.",
                f"Mount the folder so that it can be written, or make it, for {self.site.name}:www-data with mode 2750; "
                "or correct site_media_path. Then run this again.",
            )

    def _checked_databases(self, release: str) -> dict[str, dict[str, str]] | None:
        """Return which databases a release had when it was checked; None where its environment has been written anew since."""
        mark = self.site.release(release) / "RELEASE.json"
        given = (self.site.environment_file, self.site.release_environment_file)
        if not mark.exists() or max(path.stat().st_mtime for path in given if path.exists()) > mark.stat().st_mtime:
            return None
        checked: dict[str, dict[str, str]] | None = self.site.describe(release).get("databases")
        return checked

    def _end_probe(self, instance: str) -> None:
        unit = f"{self.site.name}-probe@{instance}"
        systemctl("stop", f"{unit}.socket", f"{unit}.service")
        systemctl("reset-failed", f"{unit}.service")

    def _start(self, instance: str) -> None:
        unit = self.service(instance)
        remove(self._waits(instance))
        try:
            self._must_start(unit, instance)
            self._await_answer(unit, f"/run/{self.site.name}/{instance}.sock", instance)
        except Trouble:
            self._stop([instance])
            systemctl("reset-failed", unit)
            raise

    def _must_start(self, unit: str, instance: str) -> None:
        self.site.fill_in(release_of(instance))
        done = systemctl("start", unit)
        if done.code:
            raise self._failure(unit, instance, "does not start", "\n".join([*self._missing_folders(unit), done.tail(3)]))

    def _missing_folders(self, unit: str) -> list[str]:
        """Name the folders without which systemd can't make the unit's sandbox, of which it says little itself."""
        folders = properties(unit, "ReadWritePaths").get("ReadWritePaths", "").split()
        missing = [folder for folder in folders if not folder.startswith("-") and not os.path.exists(folder)]
        return [
            f"{folder}, which the site may write, is not there: make it, or correct gunicorn_writable_paths."
            for folder in missing
        ]

    def _await_answer(self, unit: str, path: str, instance: str) -> None:
        deadline = time.monotonic() + self.check.seconds
        status, reason = 0, "no answer yet"
        while time.monotonic() < deadline:
            try:
                status = ask(path, self.check, min(ANSWER_SECONDS, self.check.seconds))
                if self.check.accepts(status):
                    self.answered = status
                    return
                reason = f"answered {status}"
                # A 5xx while things warm up may pass; any other refusal is its considered answer.
                if status < 500 or time.monotonic() > deadline - self.check.seconds / 2:
                    break
            except OSError as error:
                reason = f"gave no answer ({error})"
            if properties(unit, "ActiveState")["ActiveState"] in ("failed", "inactive"):
                raise self._failure(unit, instance, "ended while starting")
            time.sleep(POLL_SECONDS if not status else POLL_SECONDS * 10)
        wanted = ", ".join(str(accepted) for accepted in self.check.statuses)
        raise self._failure(
            unit,
            instance,
            f"{reason} to GET {self.check.path} for {self.check.host} within {self.check.seconds:.0f} s (good: {wanted})",
            remedy=CORRECT if status else slow_remedy(os.getloadavg()[0], os.cpu_count() or 1),
        )

    def _failure(self, unit: str, instance: str, what: str, detail: str = "", remedy: str = CORRECT) -> Trouble:
        lines = last_words(self.site, unit, release_of(instance))
        return Trouble(
            f"Release {release_of(instance)} {what} on {os.uname().nodename}. What served before still serves.",
            f"{remedy}; the instance's whole log: journalctl -u {unit}",
            "\n".join(part for part in (detail, *lines) if part),
        )

    def _point(self, instance: str) -> None:
        """Name the instance that traffic wakes and that starts at boot, and the release that is current."""
        self.sockets.point(instance)
        wants = UNITS / "multi-user.target.wants"
        link_atomically(wants / self.service(instance), str(UNITS / f"{self.site.name}@.service"))
        for other in wants.glob(f"{self.site.name}@*.service"):
            if other.name != self.service(instance):
                other.unlink()
        link_atomically(self.site.current_link, f"releases/{release_of(instance)}")
        self.sockets.open()

    def _starts_at_boot(self, instance: str) -> bool:
        return (UNITS / "multi-user.target.wants" / self.service(instance)).is_symlink()

    def _reopen(self, instance: str, sockets: Sequence[str]) -> None:
        """Open sockets anew as their changed units say, while what serves still holds the old ones.

        What runs keeps answering whoever has come through an old socket; whoever comes now waits in the new one.
        """
        self.sockets.point(instance)
        for unit in sockets:
            systemctl("stop", unit)
            if systemctl("start", unit).code:
                # The same address with other settings can't be opened twice: then the old holder has to let go first.
                self._stop(self.running())
                systemctl("reset-failed", unit)
                self.sockets.open()

    def _stop(self, instances: Sequence[str]) -> None:
        for instance in instances:
            # Its private socket first: nothing may wake an instance that is meant to end.
            systemctl("stop", f"{self.site.name}-direct@{instance}.socket")
        if instances:
            systemctl("stop", *(self.service(instance) for instance in instances))
        for instance in instances:
            systemctl("reset-failed", self.service(instance))
            remove(self._waits(instance))
            path = self.site.release(instance)
            if path.is_symlink():
                remove(path)


def slow_remedy(load: float, processors: int) -> str:
    """Return what helps an instance that gave no answer in time: on a busy host, the project need not be wrong.

    :param load: how many programs wanted a processor, of late.
    """
    if load < BUSY * processors:
        return f"{CORRECT}, or set site_health_timeout_seconds higher where it takes long to start"
    count = "its only processor" if processors == 1 else f"its {processors} processors"
    return (
        f"The host is busy: {load:.0f} programs want {count}. Deploy again when fewer do, or set site_health_timeout_seconds "
        "higher"
    )


def aliases(site: Site) -> list[str]:
    """Return the numbered aliases of releases that are on the disk."""
    if not site.releases.is_dir():
        return []
    return sorted(e.name for e in os.scandir(site.releases) if ALIAS.match(e.name) and not RELEASE_ID.match(e.name))
