"""Balancers with certificates of their own, any of which answers for all of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.authority import Authority
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.visitor import Visitor

STEPS = ("--tags", "certificates,nginx,acme")
CHALLENGES = "/.well-known/acme-challenge"


def other(fleet: Fleet, balancer: Machine) -> Machine:
    return next(machine for machine in fleet.lab.tier("lb") if machine.name != balancer.name)


@pytest.fixture
def certified(fleet: Fleet) -> Iterator[dict[str, Authority]]:
    """Each balancer has an authority, for which the site's name leads to the other balancer alone."""
    authorities = {}
    for balancer in fleet.lab.tier("lb"):
        authority = Authority(balancer, fleet.folder)
        authority.install(other(fleet, balancer).address)
        authority.know_names([fleet.domain], other(fleet, balancer).address)
        authorities[balancer.name] = authority
    # Each on its own host, under the same name.
    said = {name: {"site_acme_ca_bundle_path": str(authority.own_certificate)} for name, authority in authorities.items()}
    fleet.write_inventory(said=said, site_tls_mode="acme", site_acme_directory_url=Authority.directory)
    fleet.play("site", *STEPS).must_succeed()
    yield authorities
    for authority in authorities.values():
        authority.remove()
    fleet.write_inventory()
    fleet.play("site", *STEPS).must_succeed()


def test_every_balancer_gets_a_certificate_by_a_challenge_that_another_one_answers(
    fleet: Fleet, certified: dict[str, Authority]
) -> None:
    keys = set()
    for balancer in fleet.lab.tier("lb"):
        issuers = fleet.folder / f"issuers-{balancer.name}.pem"
        issuers.write_text(certified[balancer.name].issuers(), encoding="ascii")
        assert Visitor(balancer.address, fleet.domain, issuers).get("/").status == 200
        keys.add(balancer.run("openssl pkey -in /etc/ssl/hotclub/fleet/privkey.pem -pubout"))
    assert len(keys) == len(fleet.lab.tier("lb")), "balancers share a key"

    # What nobody has is not asked for for ever, and a balancer that died stops no other.
    first, second = fleet.lab.tier("lb")
    stranger = Visitor(first.address, fleet.domain)
    assert stranger.get(f"{CHALLENGES}/nobody-has-this").status == 404
    token = secrets.token_hex(8)
    folder = f"/var/lib/hotclub/acme-challenge/fleet{CHALLENGES}"
    second.run(f"echo {token} > {folder}/{token}")
    assert stranger.get(f"{CHALLENGES}/{token}").text.strip() == token
    second.run(f"rm {folder}/{token}; systemctl stop nginx")
    try:
        assert stranger.get(f"{CHALLENGES}/{token}").status in (404, 502)
        certified[first.name].know_names([fleet.domain], first.address)
        certified[first.name].lead(fleet.domain, first.address)
        fleet.play("site", "--limit", first.name, "--tags", "acme", renew_certificate=True).must_succeed()
    finally:
        second.run("systemctl start nginx")
