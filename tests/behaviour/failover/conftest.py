"""A site with three database hosts, writers that note what was acknowledged to them, and what may happen to hosts."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import hosts
from lab.docker import NETWORK
from tests.behaviour.kit.acknowledged import Acknowledged
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import PLAIN, Site, connection, own_database
from tests.behaviour.kit.storage import Storage
from tests.load import Plan

WRITER = ROOT / "tests" / "behaviour" / "kit" / "writer.py"
WRITER_ON_HOST, NOTES, UNIT = "/var/tmp/writer.py", "/var/tmp/acknowledged", "acknowledged-writer"
# What a cluster takes to be whole again after a host comes back.
WHOLE_SECONDS = 120
# Docker's own word for it, for at most as long as a test needs.
FAULT_SECONDS = 60.0
STORAGE_PORT = 5557


class Trio(Site):
    """The plain project with as many database hosts as the inventory names."""

    databases: tuple[str, ...] = ("db1", "db2", "db3")
    # Application hosts beside the one that is the balancer as well.
    more_apps: tuple[str, ...] = ()
    # The hosts of the group backup.
    keepers: tuple[str, ...] = ()

    def write_inventory(self, **more: Any) -> None:
        web = [machine.name for machine in self.lab.tier("app")]
        tiers = {"lb": web, "app": [*web, *self.more_apps], "db": list(self.databases), "backup": list(self.keepers)}
        known = {name for names in tiers.values() for name in names}
        machines = {name: own_database(connection(machine)) for name, machine in self.lab.machines.items() if name in known}
        children: dict[str, Any] = {tier: {"hosts": {name: {} for name in names}} for tier, names in tiers.items()}
        inventory = {"all": {"vars": {**self.variables, **more}, "hosts": machines, "children": children}}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    def with_databases(self, *names: str) -> Trio:
        self.databases = names
        self.write_inventory()
        return self

    def with_apps(self, *names: str) -> Trio:
        self.more_apps = names
        self.write_inventory()
        return self

    @property
    def members(self) -> list[Machine]:
        return [self.lab.machines[name] for name in self.databases]

    def seen_by(self, machine: Machine) -> dict[str, dict[str, Any]]:
        """What Patroni on a host says of all members, by their names."""
        told = machine.shell.run(
            "cd / && timeout 10 runuser -u postgres -- patronictl -c /etc/patroni/*-main.yml list --format json"
        )
        return {one["Member"]: one for one in json.loads(told.stdout)} if told.rc == 0 else {}

    def primary(self, asked: Machine | None = None) -> Machine:
        """The host that leads, as others tell."""
        seen = self.seen_by(asked or self.members[0])
        [leader] = [name for name, one in seen.items() if one["Role"] == "Leader"]
        return self.lab.machines[leader]

    def others(self, machine: Machine) -> list[Machine]:
        return [member for member in self.members if member.name != machine.name]

    def synchronous(self, asked: Machine | None = None) -> list[Machine]:
        seen = self.seen_by(asked or self.members[0])
        return [self.lab.machines[name] for name, one in seen.items() if one["Role"] == "Sync Standby"]

    def await_whole(self, seconds: float = WHOLE_SECONDS) -> float:
        """Wait until one member leads and all others follow, one of them with every commit; return how long it took."""
        begin = time.monotonic()
        seen: dict[str, dict[str, Any]] = {}
        while not self._is_whole(seen := self.seen_by(self.members[0])):
            assert time.monotonic() - begin < at_pace(seconds), f"not whole after {at_pace(seconds):.0f} s: {seen}"
            time.sleep(0.5)
        return time.monotonic() - begin

    def _is_whole(self, seen: dict[str, dict[str, Any]]) -> bool:
        roles = sorted(one["Role"] for one in seen.values())
        follow = [one for one in seen.values() if one["Role"] != "Leader"]
        return (
            roles == ["Leader", *["Replica"] * (len(self.members) - 2), "Sync Standby"]
            and all(one["State"] == "streaming" for one in follow)
            and len({one["TL"] for one in seen.values()}) == 1
        )

    @property
    def main_database(self) -> Database:
        return Database(self.primary(), self.name)

    def fill_segments(self, count: int) -> None:
        """Have the primary end that many files of its log of changes."""
        for _ in range(count):
            self.main_database.rows("SELECT pg_switch_wal() FROM (SELECT txid_current()) AS written")

    def stored_on_primary(self, plan: Plan) -> list[str]:
        """The ids of a load that the primary has."""
        return self.main_database.texts(
            f"SELECT text_id FROM {self.project.entries_table} WHERE text_id LIKE '{plan.id_prefix}-%'"
        )

    def processes(self, *machines: Machine) -> dict[str, str]:
        """What must not be restarted needlessly, by host: the servers, what steers them, and the ways to them."""
        told = r"systemctl show --property=Id,MainPID 'patroni@*' etcd.service; head -1 /var/lib/postgresql/*/main/postmaster.pid"
        way = f"systemctl show --property=Id,MainPID {self.name}-database.service nginx.service"
        return {machine.name: machine.run(told) for machine in machines or self.members} | {self.app.name: self.app.run(way)}


class Writers:
    """Writers on the application host, by the site's way to its database, and on each database host straight to its server."""

    def __init__(self, site: Trio) -> None:
        self.site = site
        self.stopped: list[Acknowledged] = []

    def start(self) -> None:
        app, name = self.site.lab.app, self.site.name
        site = f"--uid={name} --property=EnvironmentFile={self.site.root}/etc/environment"
        self._start(app, f"{site} {self.site.root}/current/venv/bin/python", "-", "app", 4, 10)
        for machine in self.site.members:
            local = f"host=/var/run/postgresql dbname={name} user=postgres"
            self._start(machine, "--uid=postgres /usr/bin/python3", local, machine.name, 1, 50)

    def _start(self, machine: Machine, how: str, to: str, name: str, sessions: int, pause: int) -> None:
        put = f"cat > {WRITER_ON_HOST} <<'END'\n{WRITER.read_text(encoding='utf-8')}\nEND"
        words = f"{WRITER_ON_HOST} {shlex.quote(to)} {NOTES} {name} {sessions} {pause}"
        machine.run(f"{put}\nrm -f {NOTES}; systemd-run --quiet --collect --unit={UNIT} {how} {words}")

    def stop(self) -> None:
        for machine in (self.site.lab.app, *self.site.members):
            machine.run(f"systemctl stop {UNIT} 2>/dev/null || true")

    def notes_of(self, machine: Machine) -> list[str]:
        return machine.run(f"cat {NOTES}").splitlines()

    def acknowledged(self) -> list[Acknowledged]:
        """All rows that were acknowledged to somebody, in the order in which they were."""
        found = []
        for machine in (self.site.lab.app, *self.site.members):
            for line in self.notes_of(machine):
                words = line.split()
                # The last line of a host that was killed may be a part.
                if line.startswith(("!", "=", "?", "+")) or len(words) != 5:
                    continue
                server = machine.address if words[4] == "-" else words[4]
                found.append(Acknowledged(words[0], int(words[1]), float(words[2]), float(words[3]), server))
        return sorted(found, key=lambda row: row.end)

    def complaints(self) -> list[str]:
        """What went wrong for the site's sessions."""
        return [line for line in self.notes_of(self.site.lab.app) if line.startswith("!")]

    def failed_reads(self) -> list[str]:
        """What went wrong for those who read by the way to copies."""
        notes = self.notes_of(self.site.lab.app)
        assert sum(int(line.split()[1]) for line in notes if line.startswith("+ ")) > 100, "hardly anything was read"
        return [line for line in notes if line.startswith("? ")]

    def kept_on_copies(self) -> list[float]:
        """When a kept session of the site was on a server that took no writes."""
        return [float(line.split()[2]) for line in self.notes_of(self.site.lab.app) if line.startswith("= ")]

    def lost(self, rows: Sequence[Acknowledged]) -> list[Acknowledged]:
        stored = {
            (writer, int(number)) for writer, number in self.site.main_database.rows("SELECT writer, number FROM acknowledged")
        }
        return [row for row in rows if (row.writer, row.number) not in stored]


@pytest.fixture(scope="session")
def trio(lab: Lab, workspace: Path, repositories: Path) -> Trio:
    """The site with three database hosts; fresh hosts had one at first, with data."""
    return Trio(lab, PLAIN, workspace / "failover", site_media_storage="none")


@pytest.fixture(scope="session")
def grown(trio: Trio) -> Trio:
    trio.play("site").must_succeed()
    trio.await_whole()
    return trio


@pytest.fixture(scope="module")
def storage(trio: Trio, workspace: Path) -> Iterator[Storage]:
    """A storage for backups that all hosts reach."""
    address = trio.lab.app.run("ip route show default").split()[2]
    storage = Storage(address, STORAGE_PORT, workspace / "storage")
    storage.start()
    yield storage
    storage.stop()


@pytest.fixture
def whole(grown: Trio) -> Iterator[Trio]:
    """The site with all its members, before and after the test."""
    grown.await_whole()
    yield grown
    grown.await_whole()


@pytest.fixture
def written(whole: Trio) -> Iterator[Writers]:
    """Writers that have begun."""
    with writers_on(whole) as writers:
        yield writers


@contextlib.contextmanager
def writers_on(site: Trio) -> Iterator[Writers]:
    database = site.main_database
    database.rows("DROP TABLE IF EXISTS acknowledged")
    database.rows(f'CREATE TABLE acknowledged (writer text, number int); ALTER TABLE acknowledged OWNER TO "{site.name}"')
    writers = Writers(site)
    writers.start()
    time.sleep(3)
    try:
        yield writers
    finally:
        writers.stop()


Fault = Callable[[str, Machine], None]


@pytest.fixture
def docker() -> Iterator[Fault]:
    """Do something to a lab host from outside, and undo it: kill and start it, pause and wake it, cut it off and connect it."""
    with contextlib.ExitStack() as undo:

        def fault(what: str, machine: Machine) -> None:
            machine.hang_up()
            container = machine.lab_host.container if what != "connect" else containers[machine.name]
            containers[machine.name] = container
            if what == "kill":
                _docker("kill", container)
            elif what == "boot":
                _docker("start", container)
            elif what == "start":
                hosts.start_again(machine.lab_host)
            elif what == "pause":
                _docker("pause", container)
                undo.callback(subprocess.run, ["docker", "unpause", container], capture_output=True, check=False)
            elif what == "wake":
                _docker("unpause", container)
            elif what == "cut":
                _docker("network", "disconnect", NETWORK, container)
                undo.callback(subprocess.run, _connect(machine, container), capture_output=True, check=False)
            elif what == "connect":
                subprocess.run(_connect(machine, container), check=True, capture_output=True, timeout=FAULT_SECONDS)

        containers: dict[str, str] = {}
        yield fault


def _connect(machine: Machine, container: str) -> list[str]:
    return ["docker", "network", "connect", "--ip", machine.address, NETWORK, container]


def _docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True, timeout=at_pace(FAULT_SECONDS))
