"""How soon balancers leave out an application host that is gone, hangs, or answers with errors."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping

from bench import cluster
from bench.measure import Samples, tell
from lab import hosts
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab, Machine

GONE_SECONDS, BACK_SECONDS = 15, 60


@contextlib.contextmanager
def killed(site: Fleet, machine: Machine) -> Iterator[None]:
    """The host is gone, as without power."""
    host = machine.lab_host
    machine.hang_up()
    _docker("kill", host)
    try:
        yield
    finally:
        hosts.start_again(host)


@contextlib.contextmanager
def paused(site: Fleet, machine: Machine) -> Iterator[None]:
    """The host takes connections and does nothing with them."""
    host = machine.lab_host
    machine.hang_up()
    _docker("pause", host)
    try:
        yield
    finally:
        _docker("unpause", host)


@contextlib.contextmanager
def without_database(site: Fleet, machine: Machine) -> Iterator[None]:
    """The host answers every page with an error."""
    site.cut_off_database(machine)
    try:
        yield
    finally:
        site.restore_database(machine)


FAULTS: Mapping[str, Callable[[Fleet, Machine], contextlib.AbstractContextManager[None]]] = {
    "the host is killed": killed,
    "the host hangs": paused,
    "its pages answer 500": without_database,
}


def faults(lab: Lab, rounds: int) -> str:
    """Each fault in turns; the time is until the last balancer has seen it."""
    site = cluster.site(lab, "balanced", site_version="first")
    site.play("site").must_succeed()
    victim = site.apps[-1]
    gone: dict[str, list[float]] = {name: [] for name in FAULTS}
    back: dict[str, list[float]] = {name: [] for name in FAULTS}
    for number in range(rounds):
        for name, fault in FAULTS.items():
            with fault(site, victim):
                gone[name].append(_seen(site, victim, "DOWN", GONE_SECONDS))
            back[name].append(_seen(site, victim, "UP", BACK_SECONDS))
        tell(f"round {number + 1} of {rounds}: {', '.join(f'{values[-1]:.1f} s' for values in gone.values())}")
    rows = [f"| {name} | {Samples('', gone[name])} | {Samples('', back[name])} |" for name in FAULTS]
    return "\n".join(["| what | gets no requests after | gets them again after |", "|---|---|---|", *rows])


def _seen(site: Fleet, victim: Machine, status: str, seconds: float) -> float:
    return max(site.await_view(balancer, victim.name, status, seconds) for balancer in site.lab.tier("lb"))


def _docker(verb: str, host: hosts.LabHost) -> None:
    subprocess.run(["docker", verb, host.container], check=True, capture_output=True, timeout=60)
