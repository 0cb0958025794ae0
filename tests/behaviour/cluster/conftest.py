"""A site on a cluster: two balancers, three application hosts, one database."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import hosts
from lab.docker import NETWORK
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import PLAIN, Site, connection
from tests.behaviour.kit.visitor import Visitor
from tests.load import Load, Plan

# Docker's own word for it, for at most as long as a test needs.
FAULT_SECONDS = 60.0

TAKEOVER_SECONDS_AT_MOST = 3.0
# nginx answers it alone, so that what is measured is the address and not the project.
PROBED_PATH = "/static/admin/css/base.css"
PROBES_A_SECOND = 40
# What HAProxy counts of each backend alone: all requests, connections opened and used again, and requests given to another host.
COUNTS = ("stot", "connect", "reuse", "wredis")
# What the returned host takes to boot and to see who has the address, twice as long as seen.
RETURN_SECONDS = 60

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

    def tell_balancer(self, balancer: Machine, command: str) -> str:
        """Give HAProxy a command, and return its answer."""
        script = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock');"
            "s.sendall(sys.argv[1].encode() + b'\\n'); print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
        )
        return balancer.run(f'python3 -c "{script}" "{command}"')

    def views(self, balancer: Machine) -> dict[str, dict[str, str]]:
        """What a balancer says of each application host: what it counts of requests that may change something is added."""
        lines = self.tell_balancer(balancer, "show stat").removeprefix("# ").splitlines()
        names = lines[0].split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
        servers = [row for row in rows if row["svname"] not in ("FRONTEND", "BACKEND")]
        found = {row["svname"]: row for row in servers if row["pxname"] == self.name}
        for row in servers:
            if row["pxname"] == f"{self.name}.changes":
                whole = found[row["svname"]]
                whole |= {count: str(int(whole[count]) + int(row[count])) for count in COUNTS}
        return found

    def await_view(self, balancer: Machine, host: str, status: str, seconds: float) -> float:
        """Wait until a balancer sees a host so, and return how long it took."""
        begin = time.monotonic()
        while not (seen := self.views(balancer)[host]["status"]).startswith(status):
            assert time.monotonic() - begin < at_pace(seconds), (
                f"{balancer.name} sees {host} as {seen}, not as {status}, after {at_pace(seconds):.1f} s"
            )
            time.sleep(0.1)
        return time.monotonic() - begin

    def await_full_shares(self, balancer: Machine, seconds: float = RETURN_SECONDS) -> None:
        """Wait until a balancer gives every host its whole share: one that came back starts with a small one."""
        seconds = at_pace(seconds)
        deadline = time.monotonic() + seconds
        while short := [name for name, view in self.views(balancer).items() if view["status"] != "UP" or view["throttle"]]:
            assert time.monotonic() < deadline, f"{balancer.name} does not give {short} their whole shares after {seconds:.0f} s"
            time.sleep(0.3)

    def cut_off_database(self, machine: Machine) -> None:
        """Have one application host refused by the database, at once, so that its pages answer with errors."""
        rule = f"ip daddr {self.lab.db.address} tcp dport 5432 reject with tcp reset"
        table = f"table inet cut_off {{ chain output {{ type filter hook output priority 0; {rule}; }}; }}"
        machine.run(f"echo '{table}' | nft --file -")

    def restore_database(self, machine: Machine) -> None:
        machine.run("nft delete table inet cut_off")


@dataclasses.dataclass(frozen=True)
class Shared:
    """A virtual address of a site and the balancers that may have it."""

    site: Fleet
    address: str

    @property
    def visitor(self) -> Visitor:
        return self.site.visitor_at(self.address)

    @property
    def holder(self) -> Machine:
        [holder] = self.holders()
        return holder

    def holders(self) -> list[Machine]:
        return [machine for machine in self.site.lab.tier("lb") if self.is_on(machine)]

    def is_on(self, machine: Machine) -> bool:
        return machine.succeeds(f"ip -oneline address show | grep --quiet --fixed-strings ' {self.address}/'")

    def other(self, holder: Machine) -> Machine:
        return next(machine for machine in self.site.lab.tier("lb") if machine.name != holder.name)

    def times_taken(self, machine: Machine) -> int:
        """How often a balancer has taken the address since it booted."""
        return machine.run("journalctl --boot --unit keepalived --output cat").count("(fleet) Entering MASTER STATE")

    def story(self) -> str:
        """What keepalived said on each balancer since it booted."""
        told = "journalctl --boot --unit keepalived --output short-precise | tail -30"
        return "\n".join(f"{machine.name}:\n{machine.run(told)}" for machine in self.site.lab.tier("lb"))

    def await_standby(self, machine: Machine, seconds: float = RETURN_SECONDS) -> None:
        """Wait until a balancer is well and ready to take the address, without having it."""
        state = (
            "journalctl --boot --unit keepalived --output cat | grep --only-matching '(fleet) Entering [A-Z]* STATE' | tail -1"
        )
        seconds = at_pace(seconds)
        deadline = time.monotonic() + seconds
        while "BACKUP" not in (seen := machine.run(f"{state} || true")) or not machine.succeeds("systemctl is-active nginx"):
            assert time.monotonic() < deadline, f"{machine.name} says {seen!r} after {seconds:.0f} s, and was to stand by"
            time.sleep(0.3)
        # It says so at once and listens after its vrrp_startup_delay.
        time.sleep(2.5)

    def probes(self) -> Plan:
        """A new connection every 25 ms, each with a second until it counts as failed; nginx answers far more than that."""
        return Plan(
            url=f"https://{self.address}{PROBED_PATH}",
            host=self.site.domain,
            authority=str(self.site.authority),
            rate=PROBES_A_SECOND,
            seconds=at_pace(RETURN_SECONDS * 2),
            post_every=0,
            fresh_every=1,
            timeout_seconds=at_pace(1.0),
        )

    def load(self, rate: float) -> Plan:
        """A load on the site through the address. A connection ends with the balancer that has it, so each request makes one."""
        return self.site.load(rate, url=f"https://{self.address}/", fresh_every=1)

    def await_answer(self, load: Load, since: float) -> None:
        """Wait until a probe that began after a moment was answered."""
        deadline = time.monotonic() + at_pace(TAKEOVER_SECONDS_AT_MOST + 2)
        while not any(outcome.scheduled > since and not outcome.failed for outcome in list(load.generator.outcomes)):
            assert time.monotonic() < deadline, f"{self.address} does not answer any more"
            time.sleep(0.1)


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
def held_by_second(whole: Fleet) -> Iterator[Shared]:
    """A virtual address of the fleet, which the second balancer has and the first one could take."""
    address = hosts.spare_address()
    whole.variables["site_virtual_addresses"] = [address]
    whole.write_inventory()
    whole.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed()
    held = Shared(whole, address.partition("/")[0])
    first, second = whole.lab.tier("lb")
    deadline = time.monotonic() + at_pace(RETURN_SECONDS)
    while held.holders() != [second]:
        assert time.monotonic() < deadline, f"{held.address} is on {[machine.name for machine in held.holders()]}"
        if held.is_on(first):
            first.run("systemctl restart keepalived")
        time.sleep(0.5)
    held.await_standby(first)
    yield held
    del whole.variables["site_virtual_addresses"]
    whole.write_inventory()
    for machine in (first, second):
        machine.hang_up()
    whole.play("site", "--limit", "lb", "--tags", "keepalived").must_succeed()


@pytest.fixture
def second_family(lab: Lab) -> Iterator[Callable[[Machine], str]]:
    """An IPv6 address for every host; the lab's network has none by itself."""
    addresses = {machine.name: f"fd13:213::{number}" for number, machine in enumerate(lab.machines.values(), start=10)}
    for machine in lab.machines.values():
        machine.run(
            f"sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0; ip address replace {addresses[machine.name]}/64 dev eth0 nodad"
        )
    yield lambda machine: addresses[machine.name]
    for machine in lab.machines.values():
        machine.run(f"ip address del {addresses[machine.name]}/64 dev eth0; sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1")


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
    subprocess.run(["docker", *words], check=True, capture_output=True, timeout=at_pace(FAULT_SECONDS))
