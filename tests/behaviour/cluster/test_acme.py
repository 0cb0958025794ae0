"""Balancers with one certificate, for which any of them asks and any of them answers."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.behaviour.cluster.conftest import Fault, Fleet
from tests.behaviour.kit.authority import Authority
from tests.behaviour.kit.confinement import CEILINGS, assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.reach import reached
from tests.behaviour.kit.visitor import Visitor
from tests.load import constant_load, judge

STEPS = ("--tags", "certificates,nginx,acme")
CHALLENGES = "/.well-known/acme-challenge"


def other(fleet: Fleet, balancer: Machine) -> Machine:
    return next(machine for machine in fleet.lab.tier("lb") if machine.name != balancer.name)


def write_inventory(fleet: Fleet, authorities: dict[str, Authority], without: Sequence[str] = ()) -> None:
    """The site with a certificate of an authority: for each balancer that of its own host, all under the same name."""
    said = {name: {"site_acme_ca_bundle_path": str(authority.own_certificate)} for name, authority in authorities.items()}
    fleet.write_inventory(without, said, site_tls_mode="acme", site_acme_directory_url=Authority.directory)


@pytest.fixture(scope="module")
def certified(fleet: Fleet) -> Iterator[dict[str, Authority]]:
    """Each balancer has an authority, for which the site's name leads to the other balancer alone."""
    authorities = {}
    for balancer in fleet.lab.tier("lb"):
        authority = Authority(balancer, fleet.folder)
        authority.install(other(fleet, balancer).address)
        authority.know_names([fleet.domain], other(fleet, balancer).address)
        authorities[balancer.name] = authority
    write_inventory(fleet, authorities)
    fleet.play("site", *STEPS).must_succeed()
    yield authorities
    for authority in authorities.values():
        authority.remove()
    fleet.write_inventory()
    fleet.play("site", *STEPS).must_succeed()


def served_by(balancer: Machine) -> str:
    """The public key of what a balancer shows visitors."""
    return balancer.run("openssl pkey -in /etc/ssl/hotclub/fleet/privkey.pem -pubout")


def trusted(fleet: Fleet, authority: Authority) -> Path:
    """What visitors trust who trust an authority."""
    issuers = fleet.folder / f"issuers-{authority.machine.name}.pem"
    issuers.write_text(authority.issuers(), encoding="ascii")
    return issuers


def answers(fleet: Fleet, balancer: Machine, authority: Authority) -> bool:
    """Whether visitors who trust an authority get the site from a balancer, once its old workers have gone."""
    issuers = trusted(fleet, authority)
    deadline = time.monotonic() + at_pace(10)
    while True:
        try:
            return Visitor(balancer.address, fleet.domain, issuers).get("/").status == 200
        except ssl.SSLCertVerificationError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)


def test_one_balancer_asks_for_all_by_a_challenge_that_another_one_answers(fleet: Fleet, certified: dict[str, Authority]) -> None:
    first, second = fleet.lab.tier("lb")
    for balancer in (first, second):
        assert answers(fleet, balancer, certified[first.name])
    assert served_by(first) == served_by(second)
    assert not second.succeeds("ls /var/lib/hotclub-acme/fleet/certbot/live/fleet"), "the second one asked too"
    assert fleet.play("site", *STEPS).must_succeed().changed == 0

    # What nobody has is not asked for for ever.
    stranger = Visitor(first.address, fleet.domain)
    assert stranger.get(f"{CHALLENGES}/nobody-has-this").status == 404
    token = secrets.token_hex(8)
    folder = f"/var/lib/hotclub/acme-challenge/fleet{CHALLENGES}"
    # As certbot would make it there, which was not needed so far.
    second.run(f"mkdir -p {folder}; chown fleet-acme: {folder}; echo {token} > {folder}/{token}")
    assert stranger.get(f"{CHALLENGES}/{token}").text.strip() == token
    second.run(f"rm {folder}/{token}")


OWN = "/etc/ssl/hotclub/fleet-balancers"


def offering_port(balancer: Machine) -> str:
    """Where a balancer gives its certificate to the others; empty when it doesn't."""
    return balancer.run("sed -n 's/^ListenStream=.*://p' /etc/systemd/system/fleet-acme.socket 2>/dev/null || true").strip()


def told(fleet: Fleet, chain: str, key: str) -> str:
    """What the first balancer tells somebody on the second one who shows a certificate, or none where the files aren't named."""
    first, second = fleet.lab.tier("lb")
    port = offering_port(first)
    shown = f"-cert {chain} -key {key}" if chain else ""
    ask = f"timeout 20 openssl s_client -quiet -no_ign_eof -connect {first.address}:{port} -verify_quiet {shown}"
    return second.run(f"{{ sleep 3; }} | {ask} 2>&1 || true")


def test_the_key_is_given_to_balancers_of_the_site_alone(fleet: Fleet, certified: dict[str, Authority]) -> None:
    first = fleet.lab.lb
    others = "/etc/haproxy/certificates/fleet"
    assert "PRIVATE KEY" in told(fleet, f"{OWN}/fullchain.pem", f"{OWN}/privkey.pem")
    assert "PRIVATE KEY" not in told(fleet, "", "")
    assert "PRIVATE KEY" not in told(fleet, f"{others}/fullchain.pem", f"{others}/privkey.pem")
    # Nor is it in what its service may write down.
    assert not first.succeeds("journalctl --unit 'fleet-acme*' | grep -q 'PRIVATE KEY'")
    assert_exposure(first, "fleet-acme@x.service", CEILINGS["acme"])


def test_balancers_know_one_another_by_a_new_authority_as_well(fleet: Fleet, certified: dict[str, Authority]) -> None:
    first, second = fleet.lab.tier("lb")
    second.run(f"mkdir -p /root/old && cp {OWN}/fullchain.pem {OWN}/privkey.pem /root/old/")
    plan = fleet.load(rate=20, authority=str(trusted(fleet, certified[first.name])))
    with constant_load(plan) as load:
        fleet.play("rotate_certificates").must_succeed()
    verdict = judge(load.finish(), fleet.stored(plan))
    assert verdict.flawless, str(verdict)
    assert "PRIVATE KEY" in told(fleet, f"{OWN}/fullchain.pem", f"{OWN}/privkey.pem")
    assert "PRIVATE KEY" not in told(fleet, "/root/old/fullchain.pem", "/root/old/privkey.pem")
    second.run("rm -r /root/old")
    assert fleet.play("site", *STEPS).must_succeed().changed == 0


@pytest.mark.long_on_slow
@pytest.mark.about("acme")
def test_a_balancer_that_died_stops_no_renewal_and_takes_the_new_certificate_when_it_is_back(
    fleet: Fleet, certified: dict[str, Authority], docker: Fault
) -> None:
    first, second = fleet.lab.tier("lb")
    certified[second.name].know_names([fleet.domain], second.address)
    certified[second.name].lead(fleet.domain, second.address)
    old = served_by(first)
    docker("kill", first)
    fleet.play("site", "--limit", second.name, "--tags", "acme", renew_certificate=True).must_succeed()
    assert answers(fleet, second, certified[second.name])
    assert served_by(second) != old
    docker("start", first)
    # As its timer would, at some time within half a day.
    first.run("systemctl start fleet-acme.service")
    assert served_by(first) == served_by(second)
    assert answers(fleet, first, certified[second.name])


def test_a_balancer_that_is_left_alone_gives_its_certificate_to_nobody(fleet: Fleet, certified: dict[str, Authority]) -> None:
    first, second = fleet.lab.tier("lb")
    port, served = offering_port(first), served_by(first)
    assert reached(second, first.address, int(port))
    write_inventory(fleet, certified, without=[second.name])
    fleet.play("site", *STEPS).must_succeed()
    assert offering_port(first) == ""
    assert first.run(f"ss --listening --tcp --no-header 'sport = :{port}'") == ""
    assert not reached(second, first.address, int(port))
    # It goes on with the certificate that it has, and sees to its renewal.
    assert served_by(first) == served
    assert first.succeeds("systemctl is-active fleet-acme.timer")
    assert fleet.play("site", *STEPS).must_succeed().changed == 0
