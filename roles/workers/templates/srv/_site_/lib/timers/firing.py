"""One run of a timer: takes its moment, runs its command, and ends it when its time is over or others may take it for dead."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType

import calendars
from database import AwayError, RefusedError
from ledger import ALIVE_SECONDS, PAUSED, SKIPPED, TAKEN, WAITING, Ledger, Turn

# How long a moment is worth trying while the database is away: a failover takes less. One that is caught up stays so for longer.
TRYING_SECONDS, TRYING_LONG_SECONDS, TRYING_BY_HAND_SECONDS = 60.0, 3600.0, 20.0
RENEWAL_SECONDS = 5.0
POLL_SECONDS = 0.1
# How long a renewal may keep the end of a run from being told.
FINISH_SECONDS = 5.0
# Between the signal by which a command may end by itself and its kill; the unit's own time is longer.
GRACE_SECONDS = 10.0
KILL_SECONDS = 2.0
DONE, FAILED, TOO_LONG, STOPPED, CUT_OFF = "done", "failed", "too long", "stopped", "lost"
BY_HAND = "now-"


@dataclass(frozen=True)
class Order:
    """What a unit asks for."""

    name: str
    # Of the unit: microseconds at which systemd began it, or those of a run by hand.
    instance: str
    calendar: str
    limit_seconds: float
    overlap: str
    catches_up: bool
    command: Sequence[str]

    @property
    def by_hand(self) -> bool:
        """Whether somebody asks for it beside the calendar."""
        return self.instance.startswith(BY_HAND)

    @cached_property
    def due(self) -> float:
        """The moment that it is for."""
        begun = int(self.instance.removeprefix(BY_HAND)) / 1e6
        return begun if self.by_hand else calendars.last(self.calendar, int(begun))

    @property
    def trying_seconds(self) -> float:
        """How long it may wait for the database."""
        if self.by_hand:
            return TRYING_BY_HAND_SECONDS
        return TRYING_LONG_SECONDS if self.catches_up else TRYING_SECONDS


class Told:
    """Whether systemd has told the unit to stop."""

    def __init__(self) -> None:
        self.stop = False
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self.stop = True


class Lease(threading.Thread):
    """Shows that a run is alive for as long as it is."""

    def __init__(self, ledger: Ledger, number: int, renewed: float) -> None:
        super().__init__(daemon=True)
        self._ledger, self._number, self._renewed = ledger, number, renewed
        self._ended, self._taken_for_dead = threading.Event(), False

    @property
    def holds(self) -> bool:
        """Whether nobody else may take this run for dead; asked of the clock that goes on while the host sleeps."""
        return not self._taken_for_dead and clock() - self._renewed < ALIVE_SECONDS

    def run(self) -> None:
        """Renew it now and then."""
        pause = RENEWAL_SECONDS
        while not self._ended.wait(pause):
            begun = clock()
            try:
                self._taken_for_dead = not self._ledger.renew(self._number)
                self._renewed, pause = begun, RENEWAL_SECONDS
            except (AwayError, RefusedError):
                pause = 1.0

    def finish(self) -> bool:
        """Leave the connection to others; false when it waits for the database, and nobody should wait with it."""
        self._ended.set()
        self.join(FINISH_SECONDS)
        return not self.is_alive()


def clock() -> float:
    """Return seconds that go on while the host sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def fire(order: Order, home: Path, environment: Mapping[str, str]) -> int:
    """Run a timer once, unless it is somebody else's turn, and return the exit status of its unit.

    :param home: the folder that holds everything of the site.
    :param environment: that of the site and of the release that serves.
    """
    told, host, release = Told(), os.uname().nodename, environment.get("SITE_RELEASE", "")
    address = environment.get("DATABASE_URL", "")
    try:
        ledger = Ledger(address)
        turn, renewed = taken(ledger, order, host, release, told)
        if turn.state in (TAKEN, PAUSED):
            return 0
        if turn.state == SKIPPED:
            print(f"{order.name} is left out this time: the run before it goes on.")
            return 0
        if turn.state == WAITING:
            state, renewed = waited(ledger, order, turn, told)
            if state == SKIPPED:
                print(f"{order.name} is left out this time: it was paused while it waited for the run before it.")
                return 0
            if state == WAITING:
                ended(ledger, turn, STOPPED, "while it waited for the run before it")
                return 1
    except (RefusedError, AwayError) as error:
        print(f"{order.name} was not run: {error}")
        return 1
    lease = Lease(ledger, turn.number, renewed)
    lease.start()
    result, detail = carried_out(order, home / "releases" / release, environment, lease, told)
    if result != DONE:
        print(f"{order.name} {result}: {detail}")
    if result == CUT_OFF:
        # Others may begin: with this program, systemd ends whatever is left of the run. Who can't be told knows it by the time.
        return 1
    ended(ledger if lease.finish() else Ledger(address), turn, result, detail)
    return 0 if result == DONE else 1


def taken(ledger: Ledger, order: Order, host: str, release: str, told: Told) -> tuple[Turn, float]:
    """Take the moment, for as long as that is worth trying.

    :returns: what came of it, and when that was asked for.
    :raises AwayError: the database was away all the time.
    """
    due, deadline = order.due, clock() + order.trying_seconds
    while True:
        begun = clock()
        try:
            ledger.prepare()
            return ledger.take(order.name, due, order.overlap, host, release, order.by_hand), begun
        except AwayError:
            if told.stop or clock() > deadline:
                raise
            time.sleep(1)


def waited(ledger: Ledger, order: Order, turn: Turn, told: Told) -> tuple[str, float]:
    """Wait until the run before has ended.

    :returns: ``running``, ``skipped`` when it was paused meanwhile, ``waiting`` when told to stop; and when that was asked for.
    """
    renewed = clock()
    while not told.stop:
        begun = clock()
        try:
            if (state := ledger.begin(order.name, turn.number, order.by_hand)) != WAITING:
                return state, begun
            renewed = begun
        except AwayError:
            if clock() - renewed > ALIVE_SECONDS:
                raise
        time.sleep(1)
    return WAITING, renewed


def carried_out(order: Order, release: Path, environment: Mapping[str, str], lease: Lease, told: Told) -> tuple[str, str]:
    """Run the command, and say how it ended."""
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(order.due))
    own = {**environment, "PATH": f"{release}/venv/bin:/usr/local/bin:/usr/bin:/bin", "TIMER_DUE": due}
    late = f"since the database could not be told for {ALIVE_SECONDS:.0f} s that it lives"
    if order.overlap != "allow" and not lease.holds:
        return CUT_OFF, f"not begun, {late}"
    try:
        # A group of its own, so that what it has started ends with it.
        child = subprocess.Popen(list(order.command), cwd=release / "project", env=own, process_group=0)
    except OSError as error:
        return FAILED, f"{error.strerror}: {error.filename}"
    began = clock()
    while (status := child.poll()) is None:
        if order.overlap != "allow" and not lease.holds:
            # At once: the next run may begin elsewhere.
            killed(child)
            return CUT_OFF, f"ended, {late}"
        if told.stop:
            stopped(child)
            return STOPPED, "its unit was told to stop"
        if clock() - began > order.limit_seconds:
            stopped(child)
            return TOO_LONG, f"ended after its limit of {order.limit_seconds:.0f} s"
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_SECONDS)
    if status == 0:
        return DONE, ""
    return FAILED, f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def stopped(child: subprocess.Popen[bytes]) -> None:
    """Tell a command to end, and kill it when it doesn't."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    killed(child)


def killed(child: subprocess.Popen[bytes]) -> None:
    """Kill a command, with what it has started, and wait a moment: one that waits for a disk can't end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILL_SECONDS)


def ended(ledger: Ledger, turn: Turn, result: str, detail: str) -> None:
    """Say how it ended, as long as a failover may take; after that it counts as lost, and the journal knows better."""
    for _attempt in attempts(15.0 if result == STOPPED else ALIVE_SECONDS):
        try:
            ledger.end(turn.number, result, detail)
            return
        except (AwayError, RefusedError) as error:
            print(f"The database can't be told: {error}")


def attempts(seconds: float) -> Iterator[None]:
    """Yield once a second for some time."""
    deadline = clock() + seconds
    while clock() < deadline:
        yield
        time.sleep(1)
