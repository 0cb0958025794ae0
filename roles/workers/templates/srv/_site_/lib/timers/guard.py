"""Runs the program of a worker of which one alone may run in the whole fleet, for as long as this host has the turn.

The program can't outlive the turn: this guard kills it when the turn could not be renewed in time, and systemd kills both when
the guard doesn't show for `WATCHDOG_SECONDS` that it still looks. Until when the turn is sure stands in memory that the program
may read, so that it can ask before it sends something: a program that was paused sends nothing when it goes on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from database import AwayError, RefusedError
from singles import ALIVE_SECONDS, DONE, FAILED, Claim, Singles, clock

# In the unit as well. A guard that hangs is killed within these seconds.
WATCHDOG_SECONDS = 3.0
RENEWAL_SECONDS = 1.0
POLL_SECONDS = 0.1
# Less often than it looks: each sign wakes systemd.
SIGN_SECONDS = 1.0
# How long a renewal may keep the turn from being given back; systemd waits for a sign of this guard for longer.
FINISH_SECONDS = 2.0
KILL_SECONDS = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
# The program's own: where it may keep what its next start on this host wants, and until when its turn is sure.
FOLDER, UNTIL = "SINGLE_FOLDER", "SINGLE_UNTIL_FILE"
NOT_ITS_OWN = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


@dataclass(frozen=True)
class Watch:
    """What a unit asks for."""

    name: str
    # Of systemd, empty where there is none.
    unit: str
    command: Sequence[str]


class Systemd:
    """What systemd is told, where it is there."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._lives = 0.0

    def hear(self, words: str) -> None:
        """Tell it something."""
        if self._address:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way, contextlib.suppress(OSError):
                way.connect(self._address.replace("@", "\0", 1) if self._address.startswith("@") else self._address)
                way.send(words.encode())

    def hear_of_a_look(self, now: bool = False) -> None:
        """Tell it that the turn has been looked at."""
        if now or time.monotonic() - self._lives >= SIGN_SECONDS:
            self._lives = time.monotonic()
            self.hear("WATCHDOG=1")


class Told:
    """By which signal systemd has told the unit to stop; 0 for none yet."""

    def __init__(self) -> None:
        self.by = 0
        for number in SIGNALS:
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.by = self.by or number


class Turn(threading.Thread):
    """Takes the turn once it is free, and keeps it. The database may be long in answering, for which nobody else waits."""

    def __init__(self, singles: Singles, claim: Claim) -> None:
        super().__init__(daemon=True)
        self._singles, self._claim = singles, claim
        self._ended = threading.Event()
        self._until = Until()
        self._renewed = 0.0
        self._taken = False
        # How the term before ended; None before there is a turn.
        self.before: str | None = None
        # Why there is none, and won't be.
        self.over = ""

    @property
    def holds(self) -> bool:
        """Whether nobody else may run the program now."""
        return self.before is not None and not self._taken and clock() - self._renewed < ALIVE_SECONDS

    @property
    def until_path(self) -> str:
        """Where the program reads until when that is so."""
        return self._until.path

    def run(self) -> None:
        """Ask, again and again."""
        pause, said = 0.0, ""
        while not self._ended.wait(pause):
            begun = clock()
            try:
                if self.before is None:
                    self._try_to_take(begun)
                    pause = self._singles.wait_seconds(RENEWAL_SECONDS)
                elif self._singles.renew(self._claim):
                    self._keep(begun)
                    pause = RENEWAL_SECONDS
                else:
                    self._taken, self.over = True, "another host has taken the turn."
                    return
            except AwayError as error:
                if said != str(error):
                    said = str(error)
                    print(f"The database does not say who runs {self._claim.name}: {said}")
                pause = 0.5
            except RefusedError as error:
                self.over = str(error)
                return

    def _try_to_take(self, begun: float) -> None:
        self._singles.prepare()
        if (before := self._singles.take(self._claim)) is None:
            return
        if cut := self._singles.fence(self._claim):
            print(f"{cut} connections that {self._claim.name} had elsewhere are cut off.")
        self._keep(begun)
        self.before = before

    def _keep(self, begun: float) -> None:
        self._renewed = begun
        self._until.write(begun + ALIVE_SECONDS)

    def finish(self) -> bool:
        """Leave the connection to others; false when it waits for the database, and nobody should wait with it."""
        self._ended.set()
        self.join(FINISH_SECONDS)
        return not self.is_alive()

    def give_back(self, result: str) -> None:
        """Let others have the turn; who can't be told knows it by the time."""
        with contextlib.suppress(AwayError, RefusedError):
            self._singles.give_back(self._claim, result)


class Until:
    """A moment by the clock of `singles.clock` in memory that other processes of this account can read, while this one lives."""

    def __init__(self) -> None:
        self._file = os.memfd_create("until")
        self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        self.write(0.0)

    def write(self, moment: float) -> None:
        """Replace the moment. Twice, so that who reads half of it sees that."""
        os.pwrite(self._file, f"{moment:020.3f} {moment:020.3f}\n".encode(), 0)


def watch(wanted: Watch, home: Path, environment: Mapping[str, str]) -> int:
    """Run the program when it is this host's turn, until it ends or must end, and return the exit status of the unit.

    :param home: the folder that holds everything of the site.
    :param environment: that of the site and of the release.
    """
    told, systemd = Told(), Systemd(environment)
    claim = claim_of(wanted, environment)
    try:
        singles = Singles(environment.get("DATABASE_URL", ""))
    except RefusedError as error:
        print(f"{wanted.name} is not run: {error}")
        return 1
    turn = Turn(singles, claim)
    turn.start()
    systemd.hear("READY=1\nSTATUS=Waits for its turn")
    while not turn.holds:
        systemd.hear_of_a_look()
        if turn.over or told.by:
            print(f"{wanted.name} is not run: {turn.over}" if turn.over else f"{wanted.name} had no turn.")
            ended(turn, DONE, systemd)
            return 1 if turn.over else 0
        time.sleep(POLL_SECONDS)
    folder = home / "library-cache" / "singles" / wanted.name
    prepare(folder, keeps=turn.before == f"here {DONE}")
    own = {name: value for name, value in environment.items() if name not in NOT_ITS_OWN}
    own |= {"PGAPPNAME": claim.session(singles.token), FOLDER: str(folder), UNTIL: turn.until_path}
    systemd.hear("STATUS=Has the turn")
    try:
        # A group of its own: a signal is for this guard alone.
        program = subprocess.Popen(list(wanted.command), env=own, process_group=0)
    except OSError as error:
        print(f"{wanted.name} is not run: {error.strerror}: {error.filename}")
        ended(turn, FAILED, systemd)
        return 1
    return looked_after(program, wanted, turn, told, systemd)


def looked_after(program: subprocess.Popen[bytes], wanted: Watch, turn: Turn, told: Told, systemd: Systemd) -> int:
    """Look until the program has ended, or must not run any more."""
    passed_on = False
    while (status := program.poll()) is None:
        # In this order: it says that the turn has been looked at.
        if not turn.holds:
            kill_rest(program, wanted.unit)
            print(f"{wanted.name} is killed: the database could not be told in time that it lives, or another host has the turn.")
            return 1
        systemd.hear_of_a_look()
        if told.by and not passed_on:
            program.send_signal(told.by)
            passed_on = True
        time.sleep(POLL_SECONDS)
    kill_rest(program, wanted.unit)
    ended(turn, DONE if told.by else FAILED, systemd)
    if told.by:
        return 0
    print(f"{wanted.name} ended by itself: " + (f"{signal.Signals(-status).name}" if status < 0 else f"exit status {status}"))
    return 1


def ended(turn: Turn, result: str, systemd: Systemd) -> None:
    """Let others have the turn, once nothing of the program is left."""
    systemd.hear_of_a_look(now=True)
    if turn.finish():
        systemd.hear_of_a_look(now=True)
        turn.give_back(result)


def claim_of(wanted: Watch, environment: Mapping[str, str]) -> Claim:
    """Say who asks."""
    host = os.uname().nodename
    place = f"{host} {Path('/etc/machine-id').read_text().strip()}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    process = f"{place} {boot} {wanted.unit}" if wanted.unit else f"{place} {boot} {os.getpid()}"
    return Claim(wanted.name, host, environment.get("SITE_RELEASE", ""), place, process)


def prepare(folder: Path, keeps: bool) -> None:
    """Give the program its folder; what was left there is of use only when the program ended well, and here, the last time."""
    if not keeps:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def kill_rest(program: subprocess.Popen[bytes], unit: str) -> None:
    """Kill what is left of the program, also what has left its group: all of the unit but this guard."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    deadline = time.monotonic() + KILL_SECONDS
    while (rest := others_in(unit)) and time.monotonic() < deadline:
        for process in rest:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        program.poll()
        time.sleep(0.02)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(1)


def others_in(unit: str) -> list[int]:
    """Return the other processes of a unit; none where there is no unit."""
    group = Path("/proc/self/cgroup").read_text().rpartition(":")[2].strip()
    if not unit or group.rpartition("/")[2] != unit:
        return []
    found = Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split()
    return [int(process) for process in found if int(process) != os.getpid()]
