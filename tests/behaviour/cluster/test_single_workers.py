"""A worker of which one alone may run in the fleet: another host takes over from one that is gone, and two never run at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.behaviour.cluster.conftest import Fault, Fleet
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace

pytestmark = [pytest.mark.about("workers", "release", "deploy", "status")]

# From a host's death to the first sign of the program elsewhere.
TAKEOVER_SECONDS_AT_MOST = 15.0
# What a deploy makes of it on the same host.
HANDOVER_SECONDS_AT_MOST = 6.0
# Asks before each sign whether it is still its turn, as beat does. All lab hosts have one clock.
PROGRAM = """\
import os, sys, time
from pathlib import Path

with open(sys.argv[1], "a", buffering=1) as log:
    while True:
        if time.clock_gettime(time.CLOCK_BOOTTIME) >= float(Path(os.environ["SINGLE_UNTIL_FILE"]).read_text().split()[0]):
            sys.exit("not its turn")
        print(f"{time.time():.3f} {os.environ['SITE_RELEASE']}", file=log)
        time.sleep(0.1)
"""


@dataclass(frozen=True)
class Sign:
    """That the program was alive."""

    at: float
    host: str
    release: str


class Clock:
    """The program of the fleet, which writes signs of its life on the host that it runs on."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.folder = f"{fleet.root}/shared/clock"
        self.log = f"{self.folder}/log"

    def signs(self, since: float = 0.0, without: str = "") -> list[Sign]:
        """All that was written, but on one host that can't be asked, in order of time."""
        found = []
        for machine in self.fleet.apps:
            if machine.name != without:
                rows = (line.split() for line in machine.run(f"cat {self.log} 2>/dev/null || true").splitlines())
                # A host that is killed may leave half of a line.
                found += [Sign(float(row[0]), machine.name, row[1]) for row in rows if len(row) == 2]
        return sorted((sign for sign in found if sign.at > since), key=lambda sign: sign.at)

    def await_sign(self, since: float, seconds: float, without: str = "", release: str = "") -> Sign:
        """Wait for a sign after a moment."""
        deadline = time.monotonic() + at_pace(seconds)
        while not (found := [sign for sign in self.signs(since, without) if not release or sign.release == release]):
            assert time.monotonic() < deadline, self.signs(0.0, without)[-3:]
            time.sleep(0.3)
        return found[0]

    def holder(self) -> Machine:
        """The host that runs it now."""
        name = self.await_sign(time.time(), TAKEOVER_SECONDS_AT_MOST + 10).host
        return next(machine for machine in self.fleet.apps if machine.name == name)

    def terms(self) -> list[tuple[float, str, str]]:
        """When each host and release got its turn, as the site's database says."""
        rows = self.fleet.database.rows(
            "SELECT extract(epoch FROM began), host, release FROM hotclub.single_terms UNION ALL "
            "SELECT extract(epoch FROM began), host, release FROM hotclub.singles ORDER BY 1"
        )
        return [(float(began), host, release) for began, host, release in rows]


@pytest.fixture(scope="module")
def clock(fleet: Fleet) -> Iterator[Clock]:
    found = Clock(fleet)
    for machine in fleet.apps:
        machine.run(f"rm -rf {found.folder}; install -d -o {fleet.name} -g {fleet.name} -m 0750 {found.folder}")
        machine.run(f"cat > {found.folder}/clock.py <<'EOT'\n{PROGRAM}EOT")
        machine.run(f"chmod 0644 {found.folder}/clock.py")
    command = f"python {found.folder}/clock.py {found.log}"
    fleet.variables["site_workers"] = [{"name": "clock", "command": command, "single": True}]
    fleet.write_inventory()
    fleet.at("v1")
    fleet.play("site").must_succeed()
    yield found
    del fleet.variables["site_workers"]
    fleet.write_inventory()
    fleet.play("site").must_succeed()
    for machine in fleet.apps:
        machine.run(f"rm -rf {found.folder}")


def test_a_deploy_hands_it_over_on_its_host(fleet: Fleet, clock: Clock, figure: Callable[[str], None]) -> None:
    holder, began = clock.holder(), time.time()
    before = fleet.current_on(holder)

    fleet.deploy("v2").must_succeed()

    after = fleet.current_on(holder)
    first = clock.await_sign(began, 20, release=after)
    last = [sign for sign in clock.signs(began) if sign.release == before][-1]
    assert (last.host, first.host) == (holder.name, holder.name)
    assert 0 < first.at - last.at < at_pace(HANDOVER_SECONDS_AT_MOST), (last, first)
    figure(f"a single worker during a deploy: {first.at - last.at:.1f} s without it")
    status = fleet.play("status").must_succeed()
    assert status.says("ON ONE HOST", "clock") and not status.says("no host ran"), status


@pytest.mark.parametrize("what", ["kill", "cut", "pause"])
def test_another_host_takes_over_from_one_that_is_gone(
    fleet: Fleet, clock: Clock, docker: Fault, figure: Callable[[str], None], what: str
) -> None:
    holder = clock.holder()

    docker(what, holder)

    gone = time.time()
    taken = clock.await_sign(gone, TAKEOVER_SECONDS_AT_MOST, without=holder.name)
    figure(f"docker {what} of the host of a single worker: {taken.at - gone:.1f} s until another host runs it")
    assert taken.at - gone < at_pace(TAKEOVER_SECONDS_AT_MOST)


def test_two_never_ran_at_once_and_the_status_names_the_gaps(fleet: Fleet, clock: Clock) -> None:
    """Whatever happened to the hosts before: each sign is of the host and release that had its turn at that moment."""
    clock.holder()
    turns = clock.terms()
    assert len(turns) >= 4, turns
    for sign in clock.signs():
        began, host, release = [turn for turn in turns if turn[0] <= sign.at][-1]
        assert (sign.host, sign.release) == (host, release), f"{sign} is within the turn of {host} in {release} since {began}"
    status = fleet.play("status").must_succeed()
    assert status.says("no host ran the worker clock from", "when it was lost with"), status
