"""A site whose certificate is an ACME authority's: pebble, which asks the site for proofs as a public authority would."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.behaviour.kit.authority import NOWHERE, Authority
from tests.behaviour.kit.confinement import CEILINGS, assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.visitor import Visitor
from tests.load import constant_load, judge

pytestmark = pytest.mark.about("acme", "certificates")

NAMES = ["plain.example", "www.plain.example"]
HOOK = Path(__file__).parents[1] / "kit" / "dns_hook.sh"
# All that concerns a certificate, and no more.
STEPS = ("--tags", "certificates,nginx,acme")


@dataclasses.dataclass
class Certified:
    """The site, its authority, and what the operator has said about it."""

    site: Site
    authority: Authority
    said: dict[str, Any]

    @property
    def lb(self) -> Machine:
        return self.site.lab.lb

    def play(self, *options: str, **variables: Any) -> Run:
        return self.site.play("site", *STEPS, *options, **variables)

    def renew(self, **variables: Any) -> Run:
        return self.site.play("site", "--tags", "acme", renew_certificate=True, **variables)

    def shown(self) -> x509.Certificate:
        """The certificate that a visitor is shown, whoever issued it."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        plain = Visitor(self.lb.address, NAMES[0], port=443).connect()
        with context.wrap_socket(plain, server_hostname=NAMES[0]) as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")

    @property
    def issuers(self) -> Path:
        file = self.site.folder / "pebble-issuers.pem"
        file.write_text(self.authority.issuers(), encoding="ascii")
        return file

    def assert_trusted(self) -> None:
        """A visitor who trusts the authority, and no other, gets the site by each of its names."""
        for name in NAMES:
            assert Visitor(self.lb.address, name, self.issuers).get("/").status == 200, name


@pytest.fixture(scope="module")
def certified(plain: Site) -> Iterator[Certified]:
    authority = Authority(plain.lab.lb, plain.folder)
    authority.install(plain.lab.lb.address)
    said = {
        "site_tls_mode": "acme",
        "site_acme_directory_url": authority.directory,
        "site_acme_ca_bundle_path": str(authority.own_certificate),
    }
    plain.write_inventory(**said)
    yield Certified(plain, authority, said)
    authority.remove()
    plain.write_inventory()
    plain.play("site", *STEPS).must_succeed()


@pytest.fixture(scope="module")
def issued(certified: Certified) -> Certified:
    """With a certificate of the authority."""
    certified.authority.know_names(NAMES, certified.lb.address)
    certified.play().must_succeed()
    return certified


@pytest.mark.debian13
def test_a_site_whose_names_lead_nowhere_is_served_and_its_run_ends_with_the_remedy(certified: Certified) -> None:
    run = certified.play().must_fail()
    for name in NAMES:
        assert run.says(f"{name} has no address", "Add a DNS record that leads to the site's balancers"), str(run)
    assert run.says("with a certificate of which visitors are warned"), str(run)
    assert certified.site.visitor.get("/").status == 200


def test_a_site_gets_its_certificate_from_the_authority(issued: Certified) -> None:
    names = issued.shown().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == NAMES
    issued.assert_trusted()
    key = issued.lb.run("stat -Lc '%a %U' /etc/ssl/hotclub/plain/privkey.pem")
    assert key == "600 root"
    assert issued.lb.run("systemctl is-active plain-acme.timer") == "active"
    assert_exposure(issued.lb, "plain-acme.service", CEILINGS["acme"])


def test_a_second_run_changes_nothing_and_asks_nobody(issued: Certified) -> None:
    asked = "systemctl show --property InvocationID plain-acme.service"
    before = issued.lb.run(asked)
    assert issued.play().must_succeed().changed == 0
    assert issued.lb.run(asked) == before


def test_a_renewal_costs_no_visitor_a_request(issued: Certified) -> None:
    serial = issued.shown().serial_number
    # Each request on a connection of its own, since a reload closes idle ones.
    plan = issued.site.load(rate=20, authority=str(issued.issuers), fresh_every=1)
    with constant_load(plan) as load:
        issued.renew().must_succeed()
    verdict = judge(load.finish(), issued.site.stored(plan))
    assert verdict.flawless, str(verdict)
    assert issued.shown().serial_number != serial
    issued.assert_trusted()


@pytest.mark.debian13
def test_a_failing_challenge_is_told_and_leaves_the_certificate(issued: Certified) -> None:
    serial = issued.shown().serial_number
    issued.authority.lead(NAMES[1], NOWHERE)
    run = issued.renew().must_succeed()
    assert run.says("could not be renewed", f"{NAMES[1]}:", NOWHERE, "DNS records"), str(run)
    assert issued.shown().serial_number == serial
    status = issued.site.play("status")
    assert status.says("the certificate is not renewed", "did not get the proof"), str(status)
    issued.authority.lead_back(NAMES[1])


@pytest.mark.debian13
def test_an_authority_that_is_down_is_told(issued: Certified) -> None:
    serial = issued.shown().serial_number
    issued.authority.stop()
    try:
        run = issued.renew().must_succeed()
        assert run.says("could not be renewed", "doesn't answer", "See whether it is up"), str(run)
    finally:
        issued.authority.start()
    assert issued.shown().serial_number == serial


@pytest.mark.debian13
def test_an_authority_whose_limits_are_reached_is_left_alone(issued: Certified) -> None:
    serial = issued.shown().serial_number
    issued.authority.start_stingy()
    issued.site.write_inventory(**{**issued.said, "site_acme_directory_url": issued.authority.stingy_directory})
    run = issued.site.play("site", "--tags", "acme").must_fail()
    assert run.says("asked too often: too many certificates", "asked again on"), str(run)
    # As its timer does twice a day.
    issued.lb.run("systemctl start plain-acme.service || true")
    assert issued.authority.orders() == 1
    assert issued.shown().serial_number == serial


@pytest.mark.debian13
def test_challenges_are_answered_through_the_dns(issued: Certified) -> None:
    serial = issued.shown().serial_number
    said = {
        "site_acme_challenge": "dns",
        "site_acme_dns_hook_path": str(HOOK),
        "site_acme_dns_credentials": "the zone's key",
        "acme_dns_propagation_seconds": 0,
    }
    for name in NAMES:
        issued.authority.lead(name, NOWHERE)
    issued.site.write_inventory(**issued.said, **said)
    run = issued.play(renew_certificate=True).must_succeed()
    assert "the zone's key" not in run.output
    assert issued.shown().serial_number != serial
    assert Visitor(issued.lb.address, NAMES[0]).get("/.well-known/acme-challenge/x").status == 308
    assert issued.lb.run("stat -c %a /etc/hotclub/acme/plain.credentials") == "600"
