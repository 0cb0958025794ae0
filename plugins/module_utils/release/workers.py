# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workers of a site on this host: those of the release that serves, and older ones that finish their tasks.

Each worker has a template unit, ``<site>-worker-<name>@.service``, and each release an instance of it. A change-over starts the
new ones beside the old ones, sees that they live, and tells the old ones to finish, for which nobody waits: systemd sends one
signal, and kills what has not ended after the unit's time. Until then their release stays on the disk. A worker that must not run
twice is handed over: the old one ends before the new one starts.

An instance is named like its release; where that one runs or finishes already, it gets a numbered alias, ``<release>.w2``.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically, remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, older, properties_of, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.journal import last_words
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

ALIAS = re.compile(r"^\d{8}T\d{6}-[0-9a-f]{7}\.w\d+$")
POLL_SECONDS = 0.25
# What has slept for so long has started.
REST_SECONDS = 1.0
# How many times the seconds of the proof a worker may be starting, at most.
LONGEST_START = 6
RUNNING = ("active", "activating", "reloading")
FINISHING = "deactivating"
FAILED = "failed"


@dataclass(frozen=True, order=True)
class Instance:
    """A worker in one release."""

    worker: str
    name: str
    # As systemd says it: active, activating, deactivating, failed.
    state: str = field(compare=False)

    @property
    def release(self) -> str:
        """The release that it runs."""
        return self.name.split(".")[0]

    @property
    def runs(self) -> bool:
        """Whether it takes tasks, or is about to."""
        return self.state in RUNNING

    @property
    def finishes(self) -> bool:
        """Whether it has been told to finish, and hasn't ended yet."""
        return self.state == FINISHING


@dataclass(frozen=True)
class Known:
    """What the inventory says of the workers on this host."""

    # By unit, whether an old and a new one may run at the same time.
    units: Mapping[str, bool] = field(default_factory=dict)
    # Units whose program runs on one host of the fleet at a time; on the others they stand by.
    singles: Sequence[str] = ()
    proof_seconds: float = 5
    finishing_releases: int = 2
    when_too_many: str = "refuse"

    @classmethod
    def of(cls, site: Site) -> Known:
        """Read what role workers has written; a site without workers has no such file."""
        try:
            return cls(**json.loads((site.root / "etc" / "workers.json").read_text()))
        except FileNotFoundError:
            return cls()


class Workers:
    """The workers of one site on this host."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.known = Known.of(site)

    def unit(self, instance: Instance) -> str:
        """Return the unit of an instance."""
        return f"{self.site.name}-worker-{instance.worker}@{instance.name}.service"

    def templates(self) -> dict[str, Path]:
        """Return the template units by worker, also those that are no longer wanted."""
        pattern = re.compile(rf"{self.site.name}-worker-(.+)@\.service")
        found = {path: pattern.fullmatch(path.name) for path in UNITS.glob(f"{self.site.name}-worker-*@.service")}
        return {match[1]: path for path, match in found.items() if match}

    def instances(self) -> list[Instance]:
        """Return the instances that systemd knows of, in the order of workers and releases."""
        if not self.templates():
            return []
        listed = systemctl(
            "list-units", "--plain", "--no-legend", "--full", "--all", f"{self.site.name}-worker-*@*.service"
        ).stdout  # fmt: skip
        return sorted(instances_in(listed, self.site.name))

    def pointed(self) -> dict[str, str]:
        """Return by worker the instance that starts at boot, which is that of the release that serves."""
        # Of two, which an interruption may leave, the newer one.
        found = sorted(instance for path in self._links() if (instance := instance_of(path.name, self.site.name)))
        return {instance.worker: instance.name for instance in found}

    def in_use(self) -> set[str]:
        """Return the releases whose workers run or finish; nobody may remove these."""
        living = [instance.release for instance in self.instances() if instance.runs or instance.finishes]
        return {*living, *(name.split(".")[0] for name in self.pointed().values())}

    def settled(self) -> bool:
        """Say whether the workers of the release that serves run, with their present settings, and no others take tasks."""
        starting = sorted(instance.worker for path in self._links() if (instance := instance_of(path.name, self.site.name)))
        return not self._due(self.site.current()) and not self._strays() and starting == sorted(self.known.units)

    def refuse_too_many(self, joining: Sequence[Instance] | None = None) -> None:
        """Refuse a change-over when too many older workers are finishing still.

        :param joining: those that it would tell to finish; all that run, when it is not known yet.
        :raises Trouble: names them.
        """
        if self.known.when_too_many == "end":
            return
        there = self.instances()
        if surplus := self._surplus(there, there if joining is None else joining):
            units = [self.unit(instance) for instance in surplus]
            raise Trouble(
                f"Workers of {self.known.finishing_releases} older releases still finish their tasks on {os.uname().nodename}, "
                f"and those of the present one would be one more: {', '.join(units)}. No worker was told anything.",
                "Wait until they have ended, as playbooks/status.yml tells. To cut their tasks off instead, run "
                f"systemctl kill --signal=SIGKILL {' '.join(units)} there; or set workers_finishing_releases higher, or "
                "workers_when_too_many: end, and run playbooks/site.yml.",
            )

    def change_over(self, release: str, renewed: bool = False, back: bool = False) -> bool:
        """Let the workers of a release take over, and tell all others to finish; those that are right already are left alone.

        :param release: id of a finished release; empty to have none at all.
        :param renewed: whether those of the same release are replaced, too.
        :param back: whether nothing may stand in its way, as on the way back from a failure; never refused, and ends nobody.
        :returns: whether anything had to change.
        :raises Trouble: one of them doesn't live; those that took tasks before still do.
        """
        self.tidy()
        due = (list(self.known.units) if renewed else self._due(release)) if release else []
        old = [instance for instance in self.instances() if instance.runs and self._is_old(instance, due, release)]
        gone = [worker for worker in self.pointed() if worker not in self.known.units or not release]
        if not (due or old or gone):
            return False
        if due and not back:
            self.refuse_too_many(old)
            self._kill(self._surplus(self.instances(), old))
        started = self._start(release, due) if due else []
        for instance in started:
            self._point(instance)
        for worker in gone:
            self._unpoint(worker)
        # The others have been handed over.
        self.finish(instance for instance in old if self._overlaps(instance) or instance.worker not in due)
        return True

    def finish(self, instances: Iterable[Instance]) -> None:
        """Tell instances to finish their tasks, and don't wait; one that is at it already gets no second signal."""
        if units := [self.unit(instance) for instance in instances]:
            systemctl("stop", "--no-block", *units)

    def end(self) -> bool:
        """Let all instances finish and wait for it, as before a reboot, which starts those of the release that serves again.

        :returns: whether there were any.
        """
        units = [self.unit(instance) for instance in self.instances() if instance.runs or instance.finishes]
        if units:
            await_end(units)
        return bool(units)

    def discard(self, release: str) -> None:
        """Tell the workers of a release that is given up to finish."""
        if release and release != self.site.current():
            for worker, name in self.pointed().items():
                if name.split(".")[0] == release:
                    self._unpoint(worker)
            self.finish(instance for instance in self.instances() if instance.runs and instance.release == release)

    def tidy(self) -> None:
        """Remove what nothing needs any more: marks of those that were killed, aliases, units of workers that are gone."""
        pointed = {self.unit(Instance(worker, name, "")) for worker, name in self.pointed().items()}
        for link in self._links():
            if link.name not in pointed:
                link.unlink()
        there = self.instances()
        if failed := [self.unit(instance) for instance in there if instance.state == FAILED]:
            systemctl("reset-failed", *failed)
        left = [instance for instance in there if instance.state != FAILED]
        used = {instance.name for instance in left} | set(self.pointed().values())
        for alias in self._aliases():
            if alias.name not in used:
                remove(alias)
        busy = {instance.worker for instance in left}
        unwanted = {name: path for name, path in self.templates().items() if name not in self.known.units and name not in busy}
        for worker, path in unwanted.items():
            self._unpoint(worker)
            remove(path)
            remove(self._environment(worker))
        if unwanted:
            systemctl("daemon-reload")

    @property
    def _wants(self) -> Path:
        return UNITS / "multi-user.target.wants"

    def _links(self) -> list[Path]:
        return list(self._wants.glob(f"{self.site.name}-worker-*@*.service"))

    def _environment(self, worker: str) -> Path:
        return self.site.root / "etc" / "workers" / f"{worker}.env"

    def _aliases(self) -> list[Path]:
        if not self.site.releases.is_dir():
            return []
        return sorted(path for path in self.site.releases.iterdir() if ALIAS.match(path.name))

    def _overlaps(self, instance: Instance) -> bool:
        return self.known.units.get(instance.worker, True)

    def _due(self, release: str) -> list[str]:
        """Return the workers that don't run in a release, or not with their present settings."""
        there = {(instance.worker, instance.name) for instance in self.instances() if instance.runs}
        pointed = self.pointed()
        return [worker for worker in self.known.units if not self._is_right(worker, pointed.get(worker, ""), release, there)]

    def _is_right(self, worker: str, name: str, release: str, running: set[tuple[str, str]]) -> bool:
        return name.split(".")[0] == release and (worker, name) in running and not self._stale(worker, name)

    def _stale(self, worker: str, name: str) -> bool:
        files = [
            self.site.environment_file,
            self._environment(worker),
            UNITS / f"{self.site.name}-worker-{worker}@.service",
            self.site.release(name.split(".")[0]) / "release.env",
        ]
        return older(self.unit(Instance(worker, name, "")), "ExecMainStartTimestamp", files)

    def _strays(self) -> list[Instance]:
        """Return the instances that take tasks and are not the ones that shall."""
        pointed = self.pointed()
        wanted = {(worker, pointed.get(worker)) for worker in self.known.units}
        return [instance for instance in self.instances() if instance.runs and (instance.worker, instance.name) not in wanted]

    def _is_old(self, instance: Instance, due: Sequence[str], release: str) -> bool:
        right = release and instance.worker in self.known.units and instance.worker not in due
        return not right or self.pointed().get(instance.worker) != instance.name

    def _surplus(self, there: Sequence[Instance], joining: Sequence[Instance]) -> list[Instance]:
        """Return the oldest of those that finish, as many as would be too many once others do so, too.

        :param joining: these others. Those of them that run at the same time as no other have ended by then.
        """
        join = {instance.worker for instance in joining if instance.runs and self._overlaps(instance)}
        found: list[Instance] = []
        for worker in sorted(join):
            finishing = [instance for instance in there if instance.worker == worker and instance.finishes]
            found += finishing[: max(0, len(finishing) + 1 - self.known.finishing_releases)]
        return found

    def _kill(self, instances: Sequence[Instance]) -> None:
        """End instances at once, with what they have begun."""
        if units := [self.unit(instance) for instance in instances]:
            systemctl("kill", "--signal=SIGKILL", *units)
            systemctl("stop", *units)

    def _start(self, release: str, workers: Sequence[str]) -> list[Instance]:
        """Start workers in a release, and go on only when they live.

        :raises Trouble: one of them doesn't; those that were handed over run again.
        """
        handed = [instance for instance in self.instances() if instance.worker in workers and not self._overlaps(instance)]
        if handed:
            await_end(map(self.unit, handed))
        there = self.instances()
        fresh = [Instance(worker, self._fresh_name(worker, release, there), "activating") for worker in workers]
        units = {self.unit(instance): instance for instance in fresh}
        self.site.fill_in(release)
        try:
            if systemctl("start", *units).code:
                raise self._failure(units, "does not start")
            self._await_life(units)
        except Trouble:
            self.finish(fresh)
            if again := [self.unit(instance) for instance in handed if instance.runs]:
                # Those that must not run twice have taken tasks, maybe.
                await_end(unit for unit, instance in units.items() if not self._overlaps(instance))
                systemctl("start", *again)
            raise
        return fresh

    def _fresh_name(self, worker: str, release: str, there: Sequence[Instance]) -> str:
        taken = {instance.name for instance in there if instance.worker == worker}
        name = next(name for name in (release, *(f"{release}.w{number}" for number in range(2, 1000))) if name not in taken)
        if name != release:
            link_atomically(self.site.release(name), release)
        return name

    def _await_life(self, units: Mapping[str, Instance]) -> None:
        # On a busy host one that can't import the project may find out long after these seconds.
        began = time.monotonic()
        starting = began
        while True:
            now, least = time.monotonic(), self.known.proof_seconds
            shown = properties_of(list(units), "ActiveState", "SubState", "NRestarts", "MainPID")
            if any(not lives(shown.get(unit, {})) for unit in units):
                raise self._failure(units, "ended after its start")
            if any(is_starting(shown[unit]["MainPID"], least) for unit in units):
                starting = now
            if now - began >= least and (now - starting >= REST_SECONDS or now - began >= LONGEST_START * least):
                return
            time.sleep(POLL_SECONDS)

    def _failure(self, units: Mapping[str, Instance], what: str) -> Trouble:
        shown = properties_of(list(units), "ActiveState", "SubState", "NRestarts")
        unit = next((unit for unit in units if not lives(shown.get(unit, {}))), next(iter(units)))
        instance = units[unit]
        return Trouble(
            f"The worker {instance.worker} of release {instance.release} {what} on {os.uname().nodename}. "
            "The workers of the release before go on.",
            f"Correct site_workers or the project, and run this again; the worker's whole log: journalctl -u {unit}",
            "\n".join(last_words(self.site, unit, instance.release)),
        )

    def _point(self, instance: Instance) -> None:
        """Have an instance start at boot, instead of any other of its worker."""
        template = UNITS / f"{self.site.name}-worker-{instance.worker}@.service"
        link_atomically(self._wants / self.unit(instance), str(template))
        self._unpoint(instance.worker, self.unit(instance))

    def _unpoint(self, worker: str, but: str = "") -> None:
        for link in self._wants.glob(f"{self.site.name}-worker-{worker}@*.service"):
            if link.name != but:
                link.unlink()


def await_end(units: Iterable[str]) -> None:
    """Tell units to finish, and wait until they have ended."""
    run(["systemctl", "stop", *units], timeout=DAY_SECONDS)


def instance_of(unit: str, site: str, state: str = "") -> Instance | None:
    """Return the instance of a worker that a unit is; none when it is something else."""
    match = re.fullmatch(rf"{re.escape(site)}-worker-([a-z0-9_]+(?:-\d+)?)@(.+)\.service", unit)
    return Instance(match[1], match[2], state) if match else None


def instances_in(listed: str, site: str) -> list[Instance]:
    """Return the instances in a list of systemd's: unit, whether it is loaded, state, and more."""
    rows = [line.split() for line in listed.splitlines()]
    found = [instance_of(row[0], site, row[2]) for row in rows if len(row) > 2 and row[2] != "inactive"]
    return [instance for instance in found if instance]


def lives(shown: Mapping[str, Any]) -> bool:
    """Say whether a unit runs and has done so since it was started."""
    return shown.get("ActiveState") == "active" and shown.get("SubState") == "running" and shown.get("NRestarts", "0") == "0"


def is_starting(process: str, seconds: float) -> bool:
    """Say whether a process computes, or reads from a disk, and has not computed for this long yet: by then it is at work."""
    try:
        words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    state, used = words[0], (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return state in "RD" and used < seconds
