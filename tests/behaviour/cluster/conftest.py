"""A site on a cluster: two balancers, three application hosts, one database."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import docker as engine
from lab import hosts
from lab.docker import NETWORK
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.sites import PLAIN, Site, connection

# Docker's own word for it, for at most as long as a test needs.
FAULT_SECONDS = 60.0

Fault = Callable[[str, Machine], None]


class Fleet(Site):
    """The plain project on several hosts; the inventory may leave some of them out, or say more of one."""

    def write_inventory(self, without: Collection[str] = (), said: dict[str, dict[str, Any]] | None = None, **more: Any) -> None:
        lab, variables = self.lab, {**self.variables, **more}
        tiers = {
            tier: [machine.name for machine in lab.tier(tier) if machine.name not in without] for tier in ("lb", "app", "db")
        }
        known = {name for names in tiers.values() for name in names}
        inventory = {
            "all": {
                "vars": variables,
                "hosts": {
                    name: {**connection(machine), **(said or {}).get(name, {})}
                    for name, machine in lab.machines.items()
                    if name in known
                },
                "children": {tier: {"hosts": {name: {} for name in names}} for tier, names in tiers.items()},
            }
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    @property
    def apps(self) -> list[Machine]:
        return self.lab.tier("app")

    def current_on(self, machine: Machine) -> str:
        return machine.run(f"basename $(readlink {self.root}/current) 2>/dev/null || true")

    def started_on(self, machine: Machine) -> str:
        """When the instance that serves there started, and which process it is."""
        unit = machine.run(f"systemctl list-units --plain --no-legend --state=active '{self.name}@*.service' | cut -d' ' -f1")
        return machine.run(f"systemctl show --property MainPID,ExecMainStartTimestamp {unit}")

    def views(self, balancer: Machine) -> dict[str, dict[str, str]]:
        """What a balancer says of each application host."""
        script = (
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); s.sendall(b'show stat\\n');"
            "print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
        )
        lines = balancer.run(f'python3 -c "{script}"').removeprefix("# ").splitlines()
        names = lines[0].split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
        return {row["svname"]: row for row in rows if row["pxname"] == self.name and row["svname"] not in ("FRONTEND", "BACKEND")}

    def await_view(self, balancer: Machine, host: str, status: str, seconds: float) -> float:
        """Wait until a balancer sees a host so, and return how long it took."""
        begin = time.monotonic()
        while not (seen := self.views(balancer)[host]["status"]).startswith(status):
            assert time.monotonic() - begin < seconds, (
                f"{balancer.name} sees {host} as {seen}, not as {status}, after {seconds} s"
            )
            time.sleep(0.1)
        return time.monotonic() - begin

    def cut_off_database(self, machine: Machine) -> None:
        """Let one application host no longer reach the database, so that its pages answer with errors."""
        machine.run(f"ip route replace unreachable {self.lab.db.address}")
        # Connections that it keeps are ended by the other side, whose packets still arrive.
        self.database.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr = '{machine.address}'")

    def restore_database(self, machine: Machine) -> None:
        machine.run(f"ip route del unreachable {self.lab.db.address}")


@pytest.fixture(scope="session")
def fleet(lab: Lab, workspace: Path, repositories: Path) -> Fleet:
    named = {"site_name": "fleet", "site_domain": "fleet.example", "site_aliases": []}
    # A shorter look than the default's: these visitors come often enough.
    site = Fleet(lab, PLAIN, workspace / "fleet", **named, site_media_storage="none", site_deploy_watch_seconds=1)
    site.play("site").must_succeed()
    return site


@pytest.fixture
def whole(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with all its hosts on v1, before and after the test."""
    fleet.at("v1")
    yield fleet
    fleet.write_inventory()


@pytest.fixture
def docker() -> Iterator[Fault]:
    """Do something to a lab host from outside, and have it undone at the end: kill it, pause it, or cut it off the network.

    Or start it before that.
    """
    with contextlib.ExitStack() as undo:

        def fault(what: str, machine: Machine) -> None:
            host = machine.lab_host
            if what == "start":
                hosts.start_again(host)
                return
            machine.hang_up()
            if what == "kill":
                _docker("kill", host.container)
                undo.callback(hosts.start_again, host)
            elif what == "pause":
                _docker("pause", host.container)
                undo.callback(_docker, "unpause", host.container)
            elif what == "cut":
                _docker("network", "disconnect", NETWORK, host.container)
                undo.callback(_docker, "network", "connect", "--ip", machine.address, NETWORK, host.container)

        yield fault


def _docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True, timeout=FAULT_SECONDS)


@pytest.fixture
def power() -> Iterator[None]:
    """Switch a lab host on again when it has switched itself off, which is how a reboot ends in a container."""
    over = threading.Event()

    def watch() -> None:
        mine = ["--filter", "status=exited", "--filter", f"label={engine.OWNER_LABEL}"]
        while not over.wait(0.5):
            for container in engine.call("ps", "--all", "--quiet", *mine).split():
                engine.call("start", container, timeout=FAULT_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    over.set()
    watcher.join()
