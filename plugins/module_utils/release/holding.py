# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Letting all requests of a site wait on one host: its sockets stay open, and nobody accepts what comes.

A unit that does nothing takes the instances' place behind the sockets, so that traffic wakes nobody. All of it is in
``/run``: after a restart of the host nothing is held.
"""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

RUNTIME_UNITS = Path("/run/systemd/system")
# Whatever it says, a worker is there again.
ANY_ANSWER = ["100-599"]
START_SECONDS = 60

HOLDER = """\
[Unit]
Description=Holds the requests of {site}

[Service]
Type=exec
User={site}
Sockets={sockets}
# The sockets are the instance's as well, and one that waits for events would hang in a blocking one.
NonBlocking=yes
# A worker may have made the queue shorter than the unit says: asyncio listens anew, for a hundred.
ExecStart=/usr/bin/python3 -c "{program}"
"""
PROGRAM = (
    "import os, signal, socket; "
    "[socket.socket(fileno=3 + number).listen(4096) for number in range(int(os.environ['LISTEN_FDS']))]; "
    "signal.pause()"
)
POINTER = "[Socket]\nService={holder}\n"


class Hold:
    """The requests of one site on this host, while they wait."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.instances = Instances(site, HealthCheck(host="localhost", path="/", statuses=ANY_ANSWER, seconds=START_SECONDS))
        self.holder = f"{site.name}-hold.service"
        self.guard = f"{site.name}-hold-guard"

    @property
    def since_file(self) -> Path:
        """The file that says since when requests wait; it is there while they do."""
        return Path(f"/run/{self.site.name}-hold.since")

    def is_held(self) -> bool:
        """Say whether requests wait."""
        return self.since_file.exists()

    def take(self, seconds: int) -> bool:
        """Let requests wait, and what has been accepted end; say whether they didn't wait already.

        :param seconds: when they go on by themselves, should nobody come back.
        """
        running = self.instances.running()
        if self.is_held() or not running:
            return False
        # Reading units takes systemd seconds on a busy host: it does so before anybody waits, and after.
        sockets = self.instances.sockets.names()
        write_atomically(
            RUNTIME_UNITS / self.holder, HOLDER.format(site=self.site.name, sockets=" ".join(sockets), program=PROGRAM)
        )
        for pointer in self._pointers():
            write_atomically(pointer, POINTER.format(holder=self.holder))
        systemctl("daemon-reload")
        started = systemctl("start", self.holder)
        if started.code:
            self._forget()
            raise Trouble(
                f"The requests of {self.site.name} can't be held.", f"See systemctl status {self.holder}.", started.tail(3)
            )
        self._set_guard(seconds)
        write_atomically(self.since_file, f"{time.time()}\n")
        # The ways for health checks first: nothing may wake an instance that is meant to end.
        systemctl("stop", *(f"{self.site.name}-direct@{instance}.socket" for instance in running))
        systemctl("stop", *(self.instances.service(instance) for instance in running))
        return True

    def release(self) -> float:
        """Let the instance that served serve again with its present settings; return how long requests waited."""
        if not self.is_held():
            return 0.0
        since = float(self.since_file.read_text())
        systemctl("stop", f"{self.guard}.timer")
        try:
            self.instances._start(self.instances.pointed())
            return time.time() - since
        finally:
            self._forget()

    def _pointers(self) -> list[Path]:
        # Read after current.conf, so that it wins.
        return [RUNTIME_UNITS / f"{socket}.d" / "hold.conf" for socket in self.instances.sockets.names()]

    def _set_guard(self, seconds: int) -> None:
        """Have requests go on by themselves, even when the controller is gone."""
        systemctl("stop", f"{self.guard}.timer")
        instance = self.instances.service(self.instances.pointed())
        paths = " ".join(str(path) for path in (*self._pointers(), self.since_file))
        script = f"systemctl start {instance}; rm -f {paths}; systemctl daemon-reload; systemctl stop {self.holder}"
        run(["systemd-run", "--quiet", "--collect", f"--unit={self.guard}", f"--on-active={seconds}", "/bin/sh", "-c", script])

    def _forget(self) -> None:
        for path in (*self._pointers(), self.since_file):
            remove(path)
        systemctl("daemon-reload")
        systemctl("stop", self.holder)
        remove(RUNTIME_UNITS / self.holder)
