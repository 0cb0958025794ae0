"""Metrics of every host, for the hosts of the group monitoring and for nobody else."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.reach import reached
from tests.behaviour.kit.sites import connection

pytestmark = pytest.mark.about("exporter")

PORT = 9100
UNIT = "hotclub-exporter.service"
READ = "import urllib.request; print(urllib.request.urlopen('http://{address}:9100/metrics', timeout=10).read().decode())"


@pytest.fixture
def watcher(fleet: Fleet) -> Iterator[Machine]:
    """A host that does nothing for the site but watch the others, for as long as the test runs."""
    machine = fleet.apps[2]
    fleet.write_inventory(without=[machine.name])
    path = fleet.folder / "hosts.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    inventory["all"]["children"]["monitoring"] = {"hosts": {machine.name: connection(machine)}}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    yield machine
    fleet.write_inventory()
    fleet.play("site").must_succeed()


def listening(machine: Machine) -> set[str]:
    """The addresses on which a host answers with metrics."""
    lines = machine.run(f"ss --listening --tcp --numeric --no-header 'sport = {PORT}'").splitlines()
    return {line.split()[3] for line in lines}


def test_metrics_are_for_the_hosts_that_watch(fleet: Fleet, watcher: Machine) -> None:
    fleet.play("site").must_succeed()
    assert fleet.play("site").must_succeed().changed == 0
    fleet.play("status").must_succeed()

    for machine in fleet.lab.machines.values():
        assert "\nnode_memory_MemTotal_bytes " in watcher.run(f'python3 -c "{READ.format(address=machine.address)}"'), (
            machine.name
        )
        assert listening(machine) == {f"{machine.address}:{PORT}"}, machine.name
        assert_exposure(machine, UNIT, 2.0)
    assert not reached(fleet.apps[0], fleet.lab.db.address, PORT)
    with pytest.raises(OSError, match="timed out"):
        urllib.request.urlopen(f"http://{fleet.lab.db.address}:{PORT}/metrics", timeout=3)

    # No group, no metrics: neither the service nor the way to it is left.
    fleet.write_inventory()
    fleet.play("site").must_succeed()
    for machine in fleet.lab.machines.values():
        assert (listening(machine), machine.run(f"systemctl is-enabled {UNIT} || true")) == (set(), "disabled"), machine.name
        assert f"dport {PORT}" not in machine.run(f"cat /etc/hotclub/firewall/sites/{fleet.name}.nft"), machine.name
