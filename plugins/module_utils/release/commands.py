# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Management commands that go on without whoever began them: begun, listed, read and stopped.

Each is a unit of its own, ``<site>-command-<id>.service``, in the release that served when it began. What it prints is in the
journal. Beside that, the host keeps a record of what was begun, by whom, and of how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import render, secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

# Of those that have ended, the host remembers so many.
REMEMBERED = 50
# After it is told to stop, before it is killed.
STOP_SECONDS = 60
POLL_SECONDS = 0.5
# What systemd takes to begin one, many times over.
BEGIN_SECONDS = 600
RUNNING = "active,activating,reloading,deactivating"
SHOWN_LINES = 200
# No shell: systemd doubles each dollar sign of such a unit when it reads its files anew, as every deploy has it do.
NOTE_END = (
    "import os, sys; "
    'told = [os.environ.get(name, "") for name in ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")]; '
    'print(*told, file=open(sys.argv[1], "w"))'
)
# As systemd names them; systemd.exec(5).
ENDED = {"timeout": "ran out of time", "oom-kill": "had no memory left", "watchdog": "hung"}


@dataclass(frozen=True)
class Command:
    """What is remembered of one.

    :param seconds: how long it may take.
    :param began: in seconds since 1970.
    """

    identifier: str
    command: str
    release: str
    by: str
    seconds: int
    began: float


class Commands:
    """The management commands of one site that go on, or have ended, on this host."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.root / "commands"

    def unit(self, identifier: str) -> str:
        """Return the unit in which one runs."""
        return f"{self.site.name}-command-{identifier}.service"

    def begin(self, command: str, extra: dict[str, str], seconds: int, by: str) -> Command:
        """Begin one in the release that serves.

        :param extra: environment besides the site's own.
        :param seconds: how long it may take.
        :raises Trouble: it can't be begun.
        """
        release = self.site.current()
        begun = Command(self._free(command), command, release, by, seconds, time.time())
        own = {"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        given = render({**own, **self.site.environment(release), **extra})
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._forget_old()
        write_atomically(self._record(begun.identifier), json.dumps(asdict(begun)), mode=0o600)
        environment = self.folder / f"{begun.identifier}.env"
        write_atomically(environment, given, mode=0o600)
        try:
            started = run(self._start(begun, environment))
        finally:
            # The command has read it by now.
            environment.unlink()
        if started.code:
            self._record(begun.identifier).unlink()
            raise Trouble(
                f"The command {command.split()[0]} does not start on {os.uname().nodename}.",
                f"See there: journalctl -u {self.unit(begun.identifier)}",
                started.tail(5),
            )
        return begun

    def _start(self, begun: Command, environment: Path) -> list[str]:
        folder = self.site.release(begun.release)
        ended = self._end(begun.identifier)
        properties = [
            f"User={self.site.name}",
            f"Group={self.site.name}",
            f"WorkingDirectory={folder}/project",
            # The line that notes its end reads it, too, and it is gone by then.
            f"EnvironmentFile=-{environment}",
            f"RuntimeMaxSec={begun.seconds}",
            "KillMode=mixed",
            f"TimeoutStopSec={STOP_SECONDS}",
            "OOMPolicy=continue",
            "NoNewPrivileges=yes",
            "UMask=0027",
            f"ExecStopPost=+/usr/bin/python3 -I -c '{NOTE_END}' {ended}",
        ]
        # systemd would fill in what looks like a variable.
        words = [word.replace("$", "$$") for word in shlex.split(begun.command)]
        return [
            *("systemd-run", "--quiet", "--collect", f"--unit={self.unit(begun.identifier)}", "--service-type=exec"),
            # By itself it would have the command's arguments, which are nobody's business.
            f"--description={self.site.name} command {begun.identifier}",
            *(f"--property={said}" for said in properties),
            *(str(folder / "venv" / "bin" / "python"), "manage.py", *words),
        ]

    def _free(self, command: str) -> str:
        """Return an id that nothing has: when, and what."""
        word = re.sub(r"[^A-Za-z0-9_]", "", command.split()[0])[:40] if command.split() else ""
        first = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{word or 'command'}"
        return next(name for number in range(1000) if not self._record(name := f"{first}-{number}" if number else first).exists())

    def all(self) -> list[dict[str, Any]]:
        """Return what is known of each, the newest last: ``state`` in words and ``ended``, nothing while it runs."""
        running = self.running()
        return [{**asdict(one), **self._outcome(one, running)} for one in self._records()]

    def known(self, identifier: str) -> dict[str, Any]:
        """Return what is known of one; empty where this host has none of that id."""
        return next((one for one in self.all() if one["identifier"] == identifier), {})

    def running(self) -> set[str]:
        """Return the ids of those that go on."""
        if not self.folder.is_dir():
            return set()
        begin, end = f"{self.site.name}-command-", ".service"
        listed = systemctl("list-units", "--plain", "--no-legend", "--full", f"--state={RUNNING}", f"{begin}*{end}").stdout
        units = [line.split()[0] for line in listed.splitlines() if line.split()]
        return {unit.removeprefix(begin).removesuffix(end) for unit in units}

    def in_use(self) -> set[str]:
        """Return the releases in which one runs; nobody may remove these."""
        running = self.running()
        return {one.release for one in self._records() if one.identifier in running}

    def log(self, identifier: str, lines: int = SHOWN_LINES) -> str:
        """Return the last lines of what one has printed, without the site's secrets."""
        return journal(f"--unit={self.unit(identifier)}", lines, secrets(self.site.environment(self.site.current())))

    def stop(self, identifier: str) -> None:
        """Tell one to stop, and wait until it has.

        :raises Trouble: it goes on.
        """
        unit = self.unit(identifier)
        if systemctl("stop", unit).code and identifier in self.running():
            raise Trouble(f"{unit} can't be stopped on {os.uname().nodename}.", f"See there: systemctl status {unit}")

    def end(self) -> bool:
        """Wait until all have ended; each has its own time limit.

        :returns: whether there were any.
        :raises Trouble: some go on for longer than a day.
        """
        deadline = time.monotonic() + DAY_SECONDS
        waited = False
        while running := sorted(self.running()):
            if time.monotonic() >= deadline:
                raise Trouble(
                    f"Commands of {self.site.name} go on after a day on {os.uname().nodename}: {', '.join(running)}.",
                    f"Stop what nobody needs with playbooks/commands.yml -e commands_stop={running[0]}; then run this again.",
                )
            waited = True
            time.sleep(POLL_SECONDS)
        return waited

    def _outcome(self, one: Command, running: set[str]) -> dict[str, Any]:
        if one.identifier in running:
            return {"state": "runs", "ended": None}
        try:
            said, moment = self._end(one.identifier).read_text(), self._end(one.identifier).stat().st_mtime
        except OSError:
            return {"state": "ended with the host, or before it could tell", "ended": None}
        return {"state": outcome(said), "ended": moment}

    def _records(self) -> list[Command]:
        found = []
        for file in sorted(self.folder.glob("*.json")):
            # Somebody else may have it forgotten in this moment, or a power cut has torn it: the others are known all the same.
            with contextlib.suppress(OSError, ValueError, TypeError):
                found.append(Command(**json.loads(file.read_text())))
        return sorted(found, key=lambda one: one.began)

    def _record(self, identifier: str) -> Path:
        return self.folder / f"{identifier}.json"

    def _end(self, identifier: str) -> Path:
        return self.folder / f"{identifier}.end"

    def _forget_old(self) -> None:
        running = self.running()
        ended = [one.identifier for one in self._records() if one.identifier not in running]
        for identifier in ended[: max(0, len(ended) - REMEMBERED + 1)]:
            self._record(identifier).unlink(missing_ok=True)
            self._end(identifier).unlink(missing_ok=True)
        # Of a run that was killed while it began one: by then the command has read it, or never will.
        for path in self.folder.glob("*.env"):
            if path.stat().st_mtime < time.time() - BEGIN_SECONDS:
                path.unlink(missing_ok=True)


def outcome(said: str) -> str:
    """Return in words how a service ended.

    :param said: SERVICE_RESULT, EXIT_CODE and EXIT_STATUS as systemd.exec(5) explains them; the last two may be missing.
    """
    result, code, status = [*said.split(), "", "", ""][:3]
    if result == "success":
        return "was stopped" if code == "killed" else "is done"
    if result == "exit-code":
        return f"failed with code {status}"
    return ENDED.get(result, f"was ended by the signal {status}" if status else f"failed ({result})")
