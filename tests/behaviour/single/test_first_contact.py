"""A host that is used for something else: one message before anything changes, and everything goes on after the consent."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.bare import bare_host
from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.sites import PLAIN, Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("survey", "look", "firewall", "nginx", "postgresql", "os", "host_files")]

SCRIPT = ROOT / "tests" / "behaviour" / "kit" / "used_by_others.sh"
EVERYBODY = ["0.0.0.0/0", "::/0"]
KEPT_OPEN = [
    {"port": 51820, "protocol": "udp", "sources": EVERYBODY, "why": "the VPN"},
    {"port": 5432, "protocol": "tcp", "sources": EVERYBODY, "why": "the database of the wiki"},
]
FIRST_MESSAGE = (
    "Nothing has been changed.",
    "Port 51820/udp (python3)",
    "Port 8025/tcp (python3)",
    "Port 5432/tcp (postgres)",
    "firewall_allowed: {port: 51820, protocol: udp,",
    "ufw allow 80/tcp; ufw allow 443/tcp",
    "/etc/nginx/nginx.conf is not as its package has brought it",
    "kept as /etc/nginx/nginx.conf.before-hotclub",
    "nginx serves for others: wiki.conf (wiki.example)",
    "is used by others (databases wiki)",
    "site_first_contact: accept",
)


@pytest.fixture(scope="module")
def used(lab: Lab, workspace: Path, repositories: Path) -> Iterator[tuple[Site, Machine]]:
    """A site on a host that others use, whose SSH port a router shows as another one."""
    with bare_host(lab, "used") as (machine, inventory):
        machine.run(f"sh -s {machine.address} <<'ALL'\n{SCRIPT.read_text(encoding='utf-8')}ALL")
        there = Lab([*lab.inventories[:-1], str(inventory)])
        # Ansible finds the Python that is first in PATH, and opens a connection for each account.
        of_the_lab = ("ansible_python_interpreter", "ansible_control_path")
        found = {name: value for name, value in machine.variables.items() if name not in of_the_lab}
        translated = f"{machine.variables['ansible_ssh_common_args']} -o HostKeyAlias={machine.address}"
        there.machines[machine.name] = Machine(
            machine.name, {**found, "ansible_port": 2222, "ansible_ssh_common_args": translated}
        )
        yield Site(there, PLAIN, workspace / "used"), machine


def asked(machine: Machine, port: int, host: str = "") -> str:
    connection = http.client.HTTPConnection(machine.address, port, timeout=5)
    connection.request("GET", "/", headers={"Host": host or machine.address})
    return connection.getresponse().read().decode()


def is_reached(machine: Machine, port: int) -> bool:
    try:
        socket.create_connection((machine.address, port), timeout=3).close()
    except OSError:
        return False
    return True


def echoed(machine: Machine) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.settimeout(5)
        here.sendto(b"hello", (machine.address, 51820))
        return here.recv(100)


@pytest.mark.parametrize(
    "becomes",
    [
        {"ansible_user": "alice", "ansible_become_password": "of-alice"},
        {"ansible_user": "alice", "ansible_become_method": "su", "ansible_become_password": "of-root"},
    ],
    ids=["sudo with a password", "su"],
)
def test_nothing_is_changed_before_somebody_has_read_what_would_be(used: tuple[Site, Machine], becomes: dict[str, str]) -> None:
    site, machine = used

    run = site.play("site", **becomes).must_fail()

    assert [words for words in FIRST_MESSAGE if not run.says(words)] == [], run
    assert run.changed == 0, run
    assert not machine.succeeds("nft list table inet hotclub || test -e /etc/sysctl.d/60-hotclub.conf")


def test_others_go_on_beside_the_site(used: tuple[Site, Machine]) -> None:
    site, machine = used
    # What can't be had beside the site needs a hand; the rest the inventory consents to.
    machine.run("ufw allow 80/tcp; ufw allow 443/tcp")
    site.write_inventory(site_first_contact="accept", firewall_allowed=KEPT_OPEN)
    site.play("site").must_succeed()

    assert site.serves() == "v1"
    assert asked(machine, 80, "wiki.example") == "the wiki"
    assert "GPL" in asked(machine, 8080), "the container"
    assert echoed(machine) == b"hello"
    login = f"PGPASSWORD=known psql -h {machine.address} -U wiki -d wiki -Atc"
    assert machine.run(f"{login} 'select current_user'") == "wiki"
    assert is_reached(machine, 5432)
    assert not is_reached(machine, 8025), "the mail catcher, of which the inventory says nothing"
    assert machine.run("systemctl is-active chrony; ufw status | head -1").split("\n") == ["active", "Status: active"]
    assert machine.run("head -1 /etc/nginx/nginx.conf.before-hotclub") == "env WIKI;"

    again = site.play("site").must_succeed()
    assert again.changed == 0, again
