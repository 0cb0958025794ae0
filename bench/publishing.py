"""Static files that balancers get: what publishing them asks of the controller, here and at an earlier commit."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import statistics
import threading
from collections.abc import Sequence
from pathlib import Path

from bench import cluster
from bench.checkouts import checkout
from bench.hosts import ROOT
from bench.measure import tell
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.operator import Playbook, Run

MEBI = 1024 * 1024
KIBI = 1024
FILES_PER_MEBI = 10
# An earlier version holds all of it in memory, several times.
EARLIER_MEBI_AT_MOST = 400
SAMPLE_SECONDS = 0.2
# The tasks between which static files are published, here and in earlier versions.
FIRST = ("Publish the static files on hosts that have the release", "Publish the static files where they are already")
LAST = ("Go on only when every balancer has the static files", "Go on only when every balancer has them")


@dataclasses.dataclass(frozen=True)
class Deploy:
    """What one deploy took: seconds, the controller's memory at most, and what the balancers received, in bytes."""

    seconds: float
    # Of these, for the static files.
    publishing: float
    memory: int
    received: int


@dataclasses.dataclass
class Side:
    """A version, on the hosts that it has converged, with a site whose static files are made by its build."""

    site: Fleet
    folder: Path
    made: int = 0

    def deploy(self, mebi: int, seed: int) -> Deploy:
        """Deploy so many MiB of static files, of which one is another in each deploy, and all with another seed."""
        self.made += 1
        make = f"python make_static.py {mebi * FILES_PER_MEBI} {MEBI // FILES_PER_MEBI} {self.made} {seed}"
        before = self._received()
        run = Playbook(
            [self.site.folder / "hosts.yml"],
            "deploy",
            {"site_version": cluster.STATIC_VERSION, "site_build_commands": [make]},
            checkout=self.folder,
        )
        with Memory(run.process) as memory:
            done = run.wait().must_succeed()
        self._must_be_served(mebi)
        return Deploy(done.seconds, publishing_seconds(done), memory.most, self._received() - before)

    def _must_be_served(self, mebi: int) -> None:
        for balancer in self.site.lab.tier("lb") if mebi else ():
            found = balancer.run(f"ls {self.site.root}/static/made | wc -l; cat {self.site.root}/static/made/0").split()
            if (int(found[0]), found[1]) != (mebi * FILES_PER_MEBI, str(self.made)):
                raise SystemExit(f"{balancer.name} serves {found}: the measurement is void.")

    def _received(self) -> int:
        return sum(int(balancer.run("cat /sys/class/net/eth0/statistics/rx_bytes")) for balancer in self.site.lab.tier("lb"))


def publishing_seconds(run: Run) -> float:
    """Return what publishing the static files took of a run."""
    names = [task.name.rpartition(" : ")[2] for task in run.tasks]
    first, last = (next(place for place, name in enumerate(names) if name in known) for known in (FIRST, LAST))
    return sum(task.seconds for task in run.tasks[first:last])


class Memory:
    """The most memory that a process and those that it has started have had together, shared pages counted once."""

    def __init__(self, process: int) -> None:
        self.process = process
        self.most = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.most = max(self.most, sum(map(proportional, family(self.process))))


def family(first: int) -> list[int]:
    """Return a process and all that it has started, and these in turn. Workers of Ansible have sessions of their own."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    found = [first]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def proportional(process: int) -> int:
    """Return the proportional set size of a process in bytes."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * KIBI if found else 0


def publishing(lab: Lab, rounds: int, commit: str, mebi: int, prefix: str, suite: str) -> str:
    """Deploys with and without static files, here and, where it can, at an earlier commit on hosts of its own."""
    rows = [_measured("here", Side(_site(lab), ROOT), rounds, mebi)]
    if mebi <= EARLIER_MEBI_AT_MOST and commit != ".":
        other = cluster.start(f"{prefix}earlier-", suite, apps=1, balancers=2)
        rows.append(_measured(f"at {commit}", Side(_site(other), checkout(commit)), rounds, mebi))
        cluster.remove(f"{prefix}earlier-", apps=1, balancers=2)
    head = f"| {mebi} MiB of static files to two balancers | without them | all of them | one file changed |\n|---|---|---|---|"
    return "\n".join(
        [
            head,
            *rows,
            "",
            "Seconds; those for the static files; the controller's memory at most (PSS); what both balancers received.",
        ]
    )


def _measured(which: str, side: Side, rounds: int, mebi: int) -> str:
    _play_site(side)
    columns: list[list[Deploy]] = [[], [], []]
    for number in range(rounds):
        for column, size in zip(columns, (0, mebi, mebi), strict=True):
            column.append(side.deploy(size, number))
            tell(f"{which}, round {number + 1}: {size} MiB: {shown([column[-1]])}")
    return f"| {which} | {' | '.join(shown(column) for column in columns)} |"


def shown(deploys: Sequence[Deploy]) -> str:
    """Show the median of each figure."""
    seconds, publishing, memory, received = (
        statistics.median(getattr(deploy, field.name) for deploy in deploys) for field in dataclasses.fields(Deploy)
    )
    return f"{seconds:.1f} s, {publishing:.1f} s, {memory / MEBI:.0f} MiB, {received / MEBI:.1f} MiB"


def _site(lab: Lab) -> Fleet:
    return cluster.site(lab, "published", site_version=cluster.STATIC_VERSION, site_keep_releases=2, site_build_commands=[])


def _play_site(side: Side) -> None:
    Playbook([side.site.folder / "hosts.yml"], "site", {}, checkout=side.folder).wait().must_succeed()
