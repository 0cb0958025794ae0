"""All ports of hosts are tried from outside, and those with somebody behind them between hosts: open to who needs them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.reach import (
    SITES,
    Table,
    allowed,
    listened_to,
    reached,
    scan_from,
    scan_from_outside,
    sites_on,
    tables_of,
)

STRAY_PORT = 4999
RULES = "for chain in input flows peers ssh; do nft --stateless list chain inet hotclub $chain; done"


@pytest.fixture(scope="module")
def strays(fleet: Fleet) -> Iterator[None]:
    """Something on every host that listens to the world and is nobody's business."""
    server = f"python3 -m http.server {STRAY_PORT} --bind :: --directory /usr/share/zoneinfo"
    for machine in fleet.lab.machines.values():
        machine.run(f"systemctl stop stray 2>/dev/null; systemd-run --quiet --collect --unit stray {server}")
    yield
    for machine in fleet.lab.machines.values():
        machine.run("systemctl stop stray || true")


@pytest.fixture(scope="module")
def tables(fleet: Fleet, lab: Lab, workspace: Path) -> list[Table]:
    return tables_of(lab, workspace, {site for machine in lab.machines.values() for site in sites_on(machine)})


def world_by_six(tables: list[Table], machine: Machine) -> list[int]:
    """The ports that everybody is to reach by IPv6: nginx doesn't listen there on a host that had no such address."""
    listening = machine.run("ss --ipv6 --listening --tcp --numeric --no-header | awk '{print $4}'").split()
    ports = {int(address.rpartition(":")[2]) for address in listening}
    return [port for port in allowed(tables, None, machine.name) if port in ports]


def test_every_port_is_open_to_those_who_need_it_and_to_nobody_else(
    lab: Lab, tables: list[Table], strays: None, second_family: Callable[[Machine], str]
) -> None:
    machines = lab.machines
    first, *_, last = machines.values()
    # From outside, all there are; between hosts, all that have somebody behind them.
    ports = {port for machine in machines.values() for port in listened_to(machine)}
    assert STRAY_PORT in ports
    with ThreadPoolExecutor() as pool:
        inside = {
            name: pool.submit(scan_from, machine, [other.address for other in machines.values() if other is not machine], ports)
            for name, machine in machines.items()
        }
        outside = pool.submit(scan_from_outside, [machine.address for machine in machines.values()])
        by_six = pool.submit(scan_from, first, [second_family(last)], ports)
        by_six_too = pool.submit(scan_from, last, [second_family(first)], ports)

    for name, scan in inside.items():
        expected = {other.address: allowed(tables, name, other.name) for other in machines.values() if other.name != name}
        assert scan.result() == expected, f"from {name}"
    assert outside.result() == {machine.address: allowed(tables, None, machine.name) for machine in machines.values()}
    # No flow between tiers has an IPv6 address here, so only what is open to the world is, where something listens.
    assert by_six.result() == {second_family(last): world_by_six(tables, last)}
    assert by_six_too.result() == {second_family(first): world_by_six(tables, first)}
    assert STRAY_PORT not in {port for found in outside.result().values() for port in found}


def test_nothing_listens_to_the_world_that_is_no_flow(lab: Lab, tables: list[Table]) -> None:
    for machine in lab.machines.values():
        lines = machine.run(
            "ss --listening --tcp --udp --numeric --no-header --processes | grep -v http.server || true"
        ).splitlines()
        listening = [line.split()[4] for line in lines]
        everywhere = {int(address.rpartition(":")[2]) for address in listening if address.startswith(("0.0.0.0", "*", "[::]"))}
        open_to_some = {port for other in lab.machines for port in allowed(tables, other, machine.name)}
        assert everywhere - {STRAY_PORT} <= open_to_some, f"{machine.name}: {lines}"


def test_an_operator_opens_a_port_to_one_host_and_other_tables_stay(lab: Lab, fleet: Fleet, strays: None) -> None:
    machine, friend, stranger = lab.db, *lab.tier("lb")
    machine.run("nft add table inet of_another_tool; nft add chain inet of_another_tool kept")
    before = machine.run(RULES)
    more = [{"port": STRAY_PORT, "sources": [friend.address], "why": "a test"}]
    run = fleet.play("site", "--tags", "firewall", "--limit", machine.name, firewall_allowed=more).must_succeed()
    assert run.changed == 1, run
    assert reached(friend, machine.address, STRAY_PORT)
    assert not reached(stranger, machine.address, STRAY_PORT)
    machine.run("systemctl reload hotclub-firewall; systemctl restart hotclub-firewall")
    assert reached(friend, machine.address, STRAY_PORT)

    # Somebody empties the table; a run fills it again, now without that port.
    machine.run("nft delete table inet hotclub")
    fleet.play("site", "--tags", "firewall", "--limit", machine.name).must_succeed()
    assert machine.run(RULES) == before
    assert not reached(friend, machine.address, STRAY_PORT)
    assert "chain kept" in machine.run("nft list table inet of_another_tool")
    machine.run("nft delete table inet of_another_tool")


@pytest.fixture
def alone(lab: Lab, fleet: Fleet) -> Iterator[Machine]:
    """A host on which no other site lets the operator in."""
    machine = lab.tier("app")[1]
    others = f"cd {SITES} && find -name '*.nft' -not -name {fleet.name}.nft"
    machine.run(f"{others} -exec mv {{}} {{}}.away ';' && systemctl reload hotclub-firewall")
    yield machine
    machine.run(f"cd {SITES} && for file in *.away; do mv $file ${{file%.away}}; done; systemctl reload hotclub-firewall")


def test_rules_that_shut_the_operator_out_go_again_by_themselves(alone: Machine, fleet: Fleet) -> None:
    look = f"{RULES}; cat {SITES}/{fleet.name}.nft; systemctl list-units --all --plain --no-legend 'hotclub-firewall-return*'"
    before = alone.run(look)
    mistake = {"firewall_ssh_sources": ["192.0.2.1"], "firewall_return_seconds": 10}
    run = fleet.play("site", "--tags", "firewall", "--limit", alone.name, **mistake).must_fail()
    assert run.says(alone.name, "came back by themselves", "firewall_ssh_sources"), run
    alone.hang_up()
    assert alone.run(look) == before


def test_a_restart_brings_the_firewall_up_before_the_network(lab: Lab, fleet: Fleet) -> None:
    machine = lab.tier("app")[2]
    before = machine.run(RULES)
    machine.restart()
    assert machine.run(RULES) == before
    order = machine.run("systemctl list-dependencies --plain --before hotclub-firewall.service")
    assert "network-pre.target" in order, order
    assert_exposure(machine, "hotclub-firewall.service", 2.0)
