# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that runs with the configuration on disk: started where it is stopped, reloaded where it is older than a file.

One that knows no reload is restarted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import (
    change_time,
    children,
    newest_change,
    runs_replaced_code,
    started,
)
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal

PROPERTIES = (
    *("LoadState", "ActiveState", "UnitFileState", "MainPID", "NeedDaemonReload", "CanReload"),
    *("FragmentPath", "DropInPaths"),
)
STAMPS = Path("/run/hotclub")
# No process gets rid of it, so that its status tells how it was started.
CONFINED = "NoNewPrivileges=yes\n"


@dataclass(frozen=True)
class Service:
    """A unit, how commands are run, and how its reloads are known."""

    name: str
    run: Run
    # The titles of the processes that each reload starts anew. Without any, the time of a reload is kept in a file.
    worker: re.Pattern[str] | None = None
    stamps: Path = STAMPS
    units: Path = Path("/etc/systemd/system")
    processes: Path = Path("/proc")
    # What it reads besides the folder of its configuration.
    also_read: tuple[Path, ...] = ()

    @property
    def stamp(self) -> Path:
        """The file whose time is that of the last reload."""
        return self.stamps / f"{self.name}.reloaded"

    def properties(self) -> dict[str, str]:
        """Return what systemd knows of the unit.

        :raises Trouble: systemd doesn't answer.
        """
        shown = self.run(["systemctl", "show", self.name, f"--property={','.join(PROPERTIES)}"])
        if shown.code:
            raise Trouble(f"systemctl show {self.name} failed: {shown.output}")
        return dict.fromkeys(PROPERTIES, "") | dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)

    def workers(self) -> dict[int, float]:
        """Return the processes that a reload starts anew, with the time at which each began."""
        found = children(int(self.properties()["MainPID"] or 0))
        return {number: began for number, (title, began) in found.items() if self.worker and self.worker.match(title)}

    def loaded(self) -> float:
        """Return when the service read its configuration last."""
        if self.worker:
            return max(self.workers().values(), default=0.0)
        began = started(int(self.properties()["MainPID"]))
        return max(began, change_time(self.stamp)) if self.stamp.exists() else began

    def needed_actions(self, configuration: Path) -> Iterator[str]:
        """Yield what is left to do, in order."""
        unit = self.properties()
        stopped = unit["ActiveState"] not in ("active", "reloading")
        # Systemd 252 overlooks the first drop-in of a unit that nothing has used yet, and doesn't say so.
        if unit["NeedDaemonReload"] == "yes" or stopped:
            yield "daemon-reload"
        if unit["UnitFileState"] != "enabled":
            yield "enable"
        if stopped:
            yield "start"
        elif self.is_unconfined():
            yield "restart"
        elif self._newest(configuration) > self.loaded() or self.is_outdated():
            yield "restart" if unit["CanReload"] == "no" else "reload"

    def _newest(self, configuration: Path) -> float:
        return max(newest_change(folder) for folder in (configuration, *self.also_read) if folder.exists())

    def needless_actions(self) -> Iterator[str]:
        """Yield what is left to do for a service that nobody needs, in order."""
        unit = self.properties()
        if unit["UnitFileState"] == "enabled":
            yield "disable"
        if unit["ActiveState"] in ("active", "activating", "reloading"):
            yield "stop"

    def unused_actions(self) -> Iterator[str]:
        """Yield what is left to do for a service that its package would start at the next boot, and that nobody uses.

        Whoever has started it, or written for its unit, does: nothing is stopped.
        """
        unit = self.properties()
        written = [unit["FragmentPath"], *unit["DropInPaths"].split()]
        if unit["UnitFileState"] == "enabled" and unit["ActiveState"] == "inactive" and not any(map(_is_of_the_host, written)):
            yield "disable"

    def is_outdated(self) -> bool:
        """Say whether it runs code that an upgrade has replaced since, and that a reload would load."""
        return bool(self.worker) and runs_replaced_code(self.processes / self.properties()["MainPID"])

    def is_unconfined(self) -> bool:
        """Say whether it was started before its unit confined it, as by the installation of its package."""
        if not any(CONFINED in path.read_text() for path in (self.units / f"{self.name}.d").glob("*.conf")):
            return False
        status = self.processes / self.properties()["MainPID"] / "status"
        return status.exists() and "\nNoNewPrivs:\t0\n" in status.read_text()

    def perform(self, action: str, timeout_seconds: float) -> None:
        """Take one step and make sure that it had its effect.

        :raises Trouble: it had not; the service goes on as before.
        """
        if action in ("start", "restart", "reload"):
            self.check()
        old = self.workers() if action == "reload" else {}
        command = ["systemctl", action, *([] if action == "daemon-reload" else [self.name])]
        done = self.run(command)
        if done.code:
            raise Trouble(f"{' '.join(command)} failed: {done.output}\n{self.complaints()}")
        if action == "reload":
            self._confirm_reload(old, timeout_seconds)

    def check(self) -> None:
        """Refuse a configuration that the service would refuse, where it can be asked.

        :raises Trouble: it would.
        """

    def complaints(self) -> str:
        """Return what the service said last."""
        return journal(f"--unit={self.name}", 10, run=self.run)

    def _confirm_reload(self, old: dict[int, float], timeout_seconds: float) -> None:
        if not self.worker:
            self.stamps.mkdir(mode=0o755, exist_ok=True)
            self.stamp.touch()
            return
        deadline = time.monotonic() + timeout_seconds
        while not set(self.workers()) - set(old):
            if time.monotonic() > deadline:
                wrong = f"{self.name} was reloaded, but after {timeout_seconds} s it still serves with the old configuration."
                raise Trouble(f"{wrong}\n{self.complaints()}")
            time.sleep(0.05)


def _is_of_the_host(path: str) -> bool:
    """Say whether somebody has written a unit's file here, and no package."""
    return path.startswith("/etc/")


def leave_unused(module: Any, service: Service, as_packaged: bool) -> None:
    """Have a service that came along with a package not start at boot, as a module.

    :param module: an AnsibleModule.
    :param as_packaged: whether its configuration is that of the package; another one is somebody's, who wants the service.
    """
    actions = list(service.unused_actions()) if as_packaged else []
    if not module.check_mode:
        for action in actions:
            service.perform(action, module.params["timeout_seconds"])
    module.exit_json(changed=bool(actions), actions=actions)


def bring_up(module: Any, service: Service, needed: bool = True) -> None:
    """Do what is left to do, as a module; its options name the folder of the configuration, and how long to wait.

    :param module: an AnsibleModule.
    :param needed: whether the service is to run at all.
    """
    if not needed:
        actions = list(service.needless_actions())
    elif service.properties()["LoadState"] == "not-found":
        if not module.check_mode:
            raise Trouble(f"There is no {service.name} on this host. Install its package first.")
        module.exit_json(changed=True, actions=["enable", "start"])
    else:
        actions = list(service.needed_actions(Path(module.params["configuration_path"])))
    if not module.check_mode:
        for action in actions:
            service.perform(action, module.params["timeout_seconds"])
    module.exit_json(changed=bool(actions), actions=actions)


def has_files(folder: Path) -> bool:
    """Say whether a folder is there and has files in it."""
    return folder.is_dir() and any(path.is_file() for path in folder.iterdir())
