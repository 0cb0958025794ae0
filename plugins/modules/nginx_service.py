#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run nginx with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

DOCUMENTATION = """
module: nginx_service
short_description: Run nginx with the configuration that is on disk
version_added: 0.1.0
author: The hotclub.django authors
description:
  - Starts nginx at boot and now. A running nginx whose workers are older than the newest file of its configuration is reloaded.
  - Asks nginx itself, so that a run that broke after a file was written is made good by the next one.
  - A reload counts only when workers with the new configuration have started. Until then, and when it is refused,
    nginx serves with the old one.
options:
  configuration_path:
    description: The folder of the configuration.
    type: path
    default: /etc/nginx
  timeout_seconds:
    description: How long to wait for the workers of a new configuration.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Run nginx with the configuration on disk
  hotclub.django.nginx_service:
"""

RETURN = """
actions:
  description: What was done, among C(daemon-reload), C(enable), C(start) and C(reload).
  returned: always
  type: list
  elements: str
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

UNIT = "nginx.service"
PROPERTIES = ("LoadState", "ActiveState", "UnitFileState", "MainPID", "NeedDaemonReload")
WORKER = re.compile(r"^nginx: worker process\s*$")
NAME_TAKEN = re.compile(r'conflicting server name "([^"]*)"')

Run = Callable[[list[str]], tuple[int, str]]


class NginxError(Exception):
    """Nginx doesn't run as it should; the message says why."""


def main() -> None:
    """Bring nginx to where it should be."""
    module = AnsibleModule(
        {"configuration_path": {"type": "path", "default": "/etc/nginx"}, "timeout_seconds": {"type": "int", "default": 15}},
        supports_check_mode=True,
    )

    def run(command: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(command)
        return code, (out + err).strip()

    try:
        unit = read_unit(run)
        if unit["LoadState"] == "not-found":
            if not module.check_mode:
                raise NginxError("There is no nginx.service on this host. Install nginx first.")
            module.exit_json(changed=True, actions=["enable", "start"])
        actions = list(needed_actions(unit, Path(module.params["configuration_path"])))
        if not module.check_mode:
            for action in actions:
                perform(action, run, module.params["timeout_seconds"])
    except NginxError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(actions), actions=actions)


def read_unit(run: Run) -> dict[str, str]:
    """Return what systemd knows of nginx."""
    code, output = run(["systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}"])
    if code != 0:
        raise NginxError(f"systemctl show {UNIT} failed: {output}")
    return dict.fromkeys(PROPERTIES, "") | dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def needed_actions(unit: dict[str, str], configuration: Path) -> Iterator[str]:
    """Yield what is left to do, in order."""
    if unit["NeedDaemonReload"] == "yes":
        yield "daemon-reload"
    if unit["UnitFileState"] != "enabled":
        yield "enable"
    if unit["ActiveState"] not in ("active", "reloading"):
        yield "start"
    elif newest_change(configuration) > youngest_start(workers(int(unit["MainPID"]))):
        yield "reload"


def perform(action: str, run: Run, timeout_seconds: int) -> None:
    """Take one step and make sure that it had its effect."""
    if action in ("daemon-reload", "enable"):
        insist(run, ["systemctl", action, *([UNIT] if action == "enable" else [])])
        return
    check_configuration(run)
    if action == "start":
        insist(run, ["systemctl", "start", UNIT])
        return
    old = workers(main_pid(run))
    insist(run, ["systemctl", "reload", UNIT])
    deadline = time.monotonic() + timeout_seconds
    while not set(workers(main_pid(run))) - set(old):
        if time.monotonic() > deadline:
            wrong = f"Nginx was reloaded, but after {timeout_seconds} s it still serves with the old configuration."
            raise NginxError(f"{wrong}\n{complaints(run)}")
        time.sleep(0.05)


def check_configuration(run: Run) -> None:
    """Refuse what nginx would refuse, and names of sites that it would silently ignore."""
    code, output = run(["nginx", "-t"])
    if code != 0:
        raise NginxError(f"Nginx refuses its configuration and serves with the old one.\n{output}")
    if taken := sorted(set(NAME_TAKEN.findall(output))):
        raise NginxError(
            f"Two sites of this host want to serve {', '.join(taken)}, and nginx would ignore one of them. "
            "Give each site a site_domain and site_aliases of its own. Nginx serves with the old configuration."
        )


def insist(run: Run, command: list[str]) -> None:
    """Run a command that must succeed."""
    code, output = run(command)
    if code != 0:
        raise NginxError(f"{' '.join(command)} failed: {output}\n{complaints(run)}")


def complaints(run: Run) -> str:
    """Return what nginx said last about its troubles, else what systemd did."""
    log = Path("/var/log/nginx/error.log")
    lines = log.read_text(errors="replace").splitlines()[-10:] if log.is_file() else []
    if emergencies := dict.fromkeys(line.partition("[emerg] ")[2].partition(": ")[2] for line in lines if "[emerg] " in line):
        return "\n".join(emergencies)
    return run(["journalctl", "--unit", UNIT, "--lines", "10", "--no-pager", "--output", "cat"])[1]


def main_pid(run: Run) -> int:
    """Return the process that reads the configuration."""
    return int(read_unit(run)["MainPID"])


def workers(parent: int) -> dict[int, float]:
    """Return the workers that take requests, with the time at which each started; not those that only finish what they have."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            title = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == parent and WORKER.match(title):
            found[int(process.name)] = start_time(int(fields[19]))
    return found


def start_time(ticks: int) -> float:
    """Return, as seconds since the epoch, a time that the kernel counts in ticks since boot."""
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def youngest_start(processes: dict[int, float]) -> float:
    """Return when the youngest of these processes started."""
    return max(processes.values(), default=0.0)


def newest_change(folder: Path) -> float:
    """Return when anything below a folder changed last. Times in the future say nothing."""
    now = time.time()
    times = (change_time(path) for path in [folder, *folder.rglob("*")])
    return max((changed for changed in times if changed <= now), default=0.0)


def change_time(path: Path) -> float:
    """Return when a path, or what it links to, was written."""
    changed = path.lstat().st_mtime
    return max(changed, path.stat().st_mtime) if path.is_symlink() and path.exists() else changed


if __name__ == "__main__":
    main()
