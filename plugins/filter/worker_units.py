# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The units that run a site's workers, from what an operator says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

# What dramatiq and systemd may need to end what has not finished by then.
SPARE_SECONDS = 10


@dataclass(frozen=True)
class Kind:
    """What is right for a program that takes tasks from a queue, unless the operator says something else."""

    # Arguments of the virtualenv's Python for a worker.
    arguments: Callable[[Worker], Sequence[str]]
    # By which it stops to take tasks and finishes those that it has; each of them cuts tasks off at the second one.
    signal: str = "SIGTERM"
    finish_seconds: int = 3600
    # Whether an old and a new one may take tasks at the same time.
    overlap: bool = True
    # Whether one program runs several processes; otherwise each of them is a unit.
    has_processes: bool = False
    # Whether one host alone of the fleet may run it.
    single: bool = False


@dataclass(frozen=True)
class Worker:
    """A worker as the operator describes it."""

    said: Mapping[str, Any]

    @property
    def kind(self) -> Kind:
        """What is right for its program."""
        return KINDS[str(self.said.get("kind", "command"))]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.said["name"])

    @property
    def queues(self) -> list[str]:
        """The queues that it takes tasks from; none for all, or for the one that its program has by default."""
        return [str(queue) for queue in self.said.get("queues") or []]

    @property
    def processes(self) -> int:
        """How many tasks it runs at a time."""
        return int(self.said.get("processes", 1))

    @property
    def more(self) -> str:
        """Further arguments, as they are written."""
        return str(self.said.get("arguments") or "").strip()

    @property
    def finish_seconds(self) -> int:
        """How long it may go on with tasks that it has taken, once it has been told to finish."""
        return int(self.said.get("finish_seconds", self.kind.finish_seconds))

    @property
    def single(self) -> bool:
        """Whether one host alone of the fleet may run it."""
        return bool(boolean(self.said.get("single", self.kind.single)))

    @property
    def overlap(self) -> bool:
        """Whether an old and a new one may run at the same time."""
        if self.single:
            return False
        scheduling = self.kind is KINDS["celery"] and {"-B", "--beat"} & set(self.more.split())
        return bool(boolean(self.said.get("overlap", self.kind.overlap and not scheduling)))

    def units(self, home: str) -> Iterator[dict[str, Any]]:
        """Yield its units, as their template needs them."""
        count = 1 if self.kind.has_processes else self.processes
        for number in range(1, count + 1):
            name = self.name if number == 1 else f"{self.name}-{number}"
            guard = f"/usr/bin/python3 -IBu {home}/lib/timers guard {name} %n -- " if self.single else ""
            yield {
                "name": name,
                "worker": self.name,
                "command": guard + self._command(home),
                "signal": str(self.said.get("stop_signal", self.kind.signal)),
                "finish_seconds": self.finish_seconds,
                "overlap": self.overlap,
                "single": self.single,
                "memory_max_mb": int(self.said.get("memory_max_mb", 0)),
                "environment": dict(self.said.get("environment") or {}),
            }

    def _command(self, home: str) -> str:
        """Return the command line as systemd reads it."""
        python = f"{home}/releases/%i/venv/bin/python"
        if self.kind is KINDS["command"]:
            # By the PATH of the unit, in which the virtualenv comes first.
            words = ["/usr/bin/env", literal(str(self.said["command"]).strip())]
        elif self.kind is KINDS["celery_beat"]:
            # Its own program of Celery's, which asks before it sends; the folder is the guard's.
            words = [python, f"-B {home}/lib/timers/beat.py", str(self.said.get("application") or "''")]
            words.append(f"--loglevel INFO --schedule {home}/library-cache/singles/{self.name}/schedule")
        elif self.kind is KINDS["celery"] and not self.said.get("application"):
            words = ["/bin/sh -c", OF_SETTINGS, python, *self.kind.arguments(self)]
        else:
            words = [python, *self.kind.arguments(self)]
        return " ".join([*words, *([literal(self.more)] if self.more else [])])


# Celery's application is in the package of the project's own settings, as Celery's guide for Django has it. systemd takes one of
# each two dollar and percent signs.
OF_SETTINGS = """'own=$${SITE_SETTINGS_MODULE:-$$DJANGO_SETTINGS_MODULE}; exec "$$0" -m celery --app "$${own%%%%.*}" "$$@"'"""


def _celery(worker: Worker) -> list[str]:
    application = worker.said.get("application")
    return [
        *(["-m celery --app", str(application)] if application else []),
        # Two workers of the same name would take each other's orders.
        f"worker --hostname {worker.name}-%i@%%h --loglevel INFO --concurrency {worker.processes}",
        *([f"--queues {','.join(worker.queues)}"] if worker.queues else []),
    ]


def _django_tasks(worker: Worker) -> list[str]:
    return ["manage.py db_worker", *([f"--queue-name {','.join(worker.queues)}"] if worker.queues else [])]


def _rq(worker: Worker) -> list[str]:
    return ["manage.py rqworker", *(worker.queues or ["default"])]


def _dramatiq(worker: Worker) -> list[str]:
    milliseconds = 1000 * max(1, worker.finish_seconds - SPARE_SECONDS)
    return [
        # It would run as many threads in each of them as there are processors, and a task in each.
        f"manage.py rundramatiq --processes {worker.processes} --threads 1 --worker-shutdown-timeout {milliseconds}",
        *(["--queues", *worker.queues] if worker.queues else []),
    ]


def _huey(worker: Worker) -> list[str]:
    return [f"manage.py run_huey --worker-type process --workers {worker.processes}"]


def _channels(worker: Worker) -> list[str]:
    return ["manage.py runworker", *worker.queues]


KINDS: Mapping[str, Kind] = {
    "celery": Kind(_celery, has_processes=True),
    "celery_beat": Kind(lambda worker: [], finish_seconds=60, overlap=False, has_processes=True, single=True),
    "django_tasks": Kind(_django_tasks),
    "rq": Kind(_rq),
    "dramatiq": Kind(_dramatiq, has_processes=True),
    # SIGTERM would cut its tasks off. Each consumer queues the periodic tasks, so two at once would queue them twice.
    "huey": Kind(_huey, signal="SIGINT", finish_seconds=60, overlap=False, has_processes=True),
    # It drops what it handles whichever way it is stopped, and says goodbye when it is interrupted.
    "channels": Kind(_channels, signal="SIGINT", finish_seconds=10),
    "command": Kind(lambda worker: [], finish_seconds=60),
}


def literal(words: str) -> str:
    """Return words of a command line in which systemd replaces nothing but variables."""
    return words.replace("%", "%%")


def worker_units(workers: Iterable[Mapping[str, Any]], home: str) -> list[dict[str, Any]]:
    """Return the units of workers.

    :param workers: workers, as ``site_workers`` has them.
    :param home: the folder that holds everything of the site.
    :returns: for each unit ``name``, the ``worker`` that it belongs to, ``command``, ``signal``, ``finish_seconds``, ``overlap``,
        ``single``, ``memory_max_mb`` and ``environment``.
    """
    return [unit for said in workers for unit in Worker(said).units(home)]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"worker_units": worker_units}
