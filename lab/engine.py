"""Finds the machine's Docker engine, or starts one and stops it again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from lab.commands import run, tail
from lab.docker import answers, engine
from lab.errors import LabError
from lab.machine import find_command, install_packages
from lab.paths import ENGINE

# Debian 12's docker.io brings the client as well, and there is no docker-cli.
CLIENT = {"docker": "docker-cli"}
PACKAGES = {**CLIENT, "dockerd": "docker.io", "containerd": "containerd", "iptables": "iptables"}
START_SECONDS = 60
STOP_SECONDS = 30

LOG = ENGINE / "dockerd.log"
PID = ENGINE / "pid"

# An engine that was killed leaves these behind, and the next one refuses to start because of them.
LEFT_PIDS = {
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
    Path("/run/docker/containerd/containerd.pid"): "containerd",
}
LEFT_SOCKETS = (Path("/var/run/docker.sock"), Path("/var/run/docker/metrics.sock"))


def start() -> str:
    """Make sure that an engine answers; return what was done."""
    if answers():
        install_packages(CLIENT, "Running lab hosts")
        return "running already"
    if os.geteuid() != 0:
        raise LabError(
            "No Docker engine answers. Start it (sudo systemctl start docker), and make sure that you may use it "
            "(you are in the group docker), or run this as root."
        )
    if os.environ.get("DOCKER_HOST"):
        raise LabError(f"No Docker engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}.")
    install_packages(PACKAGES, "Running lab hosts")
    if answers():
        return "installed"
    if Path("/run/systemd/system").is_dir():
        run(["systemctl", "start", "docker.service"], timeout=START_SECONDS)
    else:
        _start_in_background()
    _wait()
    return "started"


def stop() -> str:
    """Stop the engine if the lab started it and nothing but the lab used it."""
    pid = _own_pid()
    if pid is None:
        PID.unlink(missing_ok=True)
        return "not started by the lab"
    if answers() and engine().containers.list():
        return "left running: it has other containers"
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _runs(pid, "dockerd") and time.monotonic() < deadline:
        time.sleep(0.2)
    PID.unlink(missing_ok=True)
    return "stopped"


def _start_in_background() -> None:
    ENGINE.mkdir(parents=True, exist_ok=True)
    _clear_remains()
    command = find_command("dockerd") or "dockerd"
    with LOG.open("ab") as log:
        process = subprocess.Popen([command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
    PID.write_text(f"{process.pid}\n", encoding="utf-8")


def _clear_remains() -> None:
    for file, program in LEFT_PIDS.items():
        if file.exists() and not _runs(_read_pid(file), program):
            file.unlink()
    for socket in LEFT_SOCKETS:
        socket.unlink(missing_ok=True)


def _wait() -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        pid = _own_pid()
        if time.monotonic() > deadline or (PID.exists() and pid is None):
            said = tail(LOG.read_text(encoding="utf-8", errors="replace")) if LOG.exists() else ""
            raise LabError("The Docker engine did not start.", detail=said, log=LOG if LOG.exists() else None)
        time.sleep(0.3)


def _own_pid() -> int | None:
    pid = _read_pid(PID)
    return pid if _runs(pid, "dockerd") else None


def _read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _runs(pid: int | None, program: str) -> bool:
    """Tell whether the process is alive and is that program, not one that got the same number later."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    name, _, rest = status.partition("(")[2].rpartition(")")
    return name == program and not rest.lstrip().startswith("Z")
