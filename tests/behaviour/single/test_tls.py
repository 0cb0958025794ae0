"""What visitors meet before the site: TLS and nothing else, with a certificate that is theirs to verify."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.visitor import Answer, Visitor
from tests.load import Verdict, constant_load, judge

pytestmark = pytest.mark.about("certificates", "nginx")

OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]
# Without forward secrecy, with the hash or the block mode of old, and with Diffie-Hellman over finite fields.
WEAK = ["AES128-GCM-SHA256", "AES256-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"]
HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS_FRAME = 4
HSTS_SECONDS = 600
LAST_DAYS = 10


def trusting(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.authority)


def shake_hands(site: Site, trust: ssl.SSLContext, name: str | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection((site.visitor.address, 443), 10)
    try:
        return trust.wrap_socket(plain, server_hostname=name or site.domain)
    except OSError:
        plain.close()
        raise


def shown(site: Site) -> dict[str, Any]:
    """The certificate that a visitor is shown."""
    with shake_hands(site, trusting(site)) as connection:
        return dict(connection.getpeercert() or {})


@pytest.fixture
def by_http(plain: Site) -> Visitor:
    """A visitor who doesn't know that there is TLS."""
    return Visitor(plain.visitor.address, plain.domain)


def test_visitors_who_trust_the_sites_authority_get_the_site(plain: Site) -> None:
    for name in (plain.domain, "www.plain.example"):
        with shake_hands(plain, trusting(plain), name):
            pass
    assert plain.visitor.get("/").status == 200


def test_plain_http_only_leads_to_tls(plain: Site, by_http: Visitor) -> None:
    for ask in (by_http.get, by_http.post):
        answer = ask("/some/page?with=this")
        assert (answer.status, answer.headers["Location"]) == (308, "https://plain.example/some/page?with=this"), answer
    assert by_http.get("/", host="www.plain.example").headers["Location"] == "https://www.plain.example/"
    assert by_http.is_dropped("unknown.example")


def test_no_claim_to_have_come_by_tls_changes_that(by_http: Visitor) -> None:
    for header in ("X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "Front-End-Https"):
        assert by_http.get("/", headers={header: "on" if header.endswith(("Ssl", "Https")) else "https"}).status == 308, header


def test_browsers_get_http_2(plain: Site) -> None:
    trust = trusting(plain)
    trust.set_alpn_protocols(["h2", "http/1.1"])
    with shake_hands(plain, trust) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        connection.sendall(HTTP_2)
        assert connection.recv(9)[3] == SETTINGS_FRAME


@pytest.mark.parametrize("version", OLD, ids=lambda version: version.name)
def test_old_versions_and_weak_ciphers_are_refused(plain: Site, version: ssl.TLSVersion) -> None:
    trust = trusting(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        trust.set_ciphers("ALL:@SECLEVEL=0")
        trust.minimum_version = trust.maximum_version = version
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        shake_hands(plain, trust)


@pytest.mark.parametrize("cipher", WEAK)
def test_each_weak_cipher_is_refused(plain: Site, cipher: str) -> None:
    trust = trusting(plain)
    trust.maximum_version = ssl.TLSVersion.TLSv1_2
    trust.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    shake_hands(plain, trust).close()
    trust.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        shake_hands(plain, trust)


def test_no_certificate_is_shown_for_a_name_that_no_site_has(plain: Site) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        shake_hands(plain, trusting(plain), "unknown.example")


def test_each_site_of_a_host_has_its_own_certificate_and_authority(plain: Site, gallery: Site) -> None:
    assert shown(plain)["subjectAltName"] == (("DNS", "plain.example"), ("DNS", "www.plain.example"))
    assert shown(gallery)["subjectAltName"] == (("DNS", "gallery.example"),)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(gallery, trusting(plain))


def test_the_key_is_roots_alone(plain: Site) -> None:
    folder = f"/etc/ssl/hotclub/{plain.name}"
    assert plain.lab.lb.run(f"stat --dereference --format '%a %U' {folder}/privkey.pem {folder}/fullchain.pem") == (
        "600 root\n644 root"
    )
    found = plain.lab.lb.run(f"find -L {folder} -name '*.pem' -perm /077 -exec grep -l PRIVATE {{}} + || true")
    assert found == "", f"keys that others can read: {found}"


def test_pages_and_files_have_the_headers_of_a_careful_site(plain: Site) -> None:
    page, file = plain.visitor.get("/"), plain.visitor.get("/static/admin/css/base.css")
    assert file.headers.get_all("Referrer-Policy") == ["strict-origin-when-cross-origin"], file
    # Django's own, and no second one beside it.
    assert page.headers.get_all("Referrer-Policy") == ["same-origin"], page
    for answer in (page, file):
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], answer
        # Whoever doesn't know the authority could otherwise never visit the site again.
        assert "Strict-Transport-Security" not in answer.headers, answer


def test_cookies_never_leave_tls(plain: Site) -> None:
    cookie = plain.visitor.get("/admin/login/").headers["Set-Cookie"]
    assert "secure" in cookie.lower(), cookie


def test_a_certificate_with_the_key_of_another_is_refused_before_anything_changes(plain: Site, gallery: Site) -> None:
    before = shown(plain)["serialNumber"]
    read = "cat /etc/ssl/hotclub/{}/{}.pem"
    own = {
        "site_tls_mode": "own",
        "site_tls_certificate": plain.lab.lb.run(read.format("plain", "fullchain")),
        "site_tls_certificate_key": plain.lab.lb.run(read.format("gallery", "privkey")),
    }
    plain.write_inventory(**own)
    try:
        run = plain.play("site").must_fail()
    finally:
        plain.write_inventory()
    assert run.says("site_tls_certificate_key", "is not the key of site_tls_certificate", "Nothing has been changed"), run
    assert own["site_tls_certificate_key"].splitlines()[1] not in run.output
    assert shown(plain)["serialNumber"] == before


@dataclasses.dataclass(frozen=True)
class Renewal:
    """A run that renewed a certificate, for a few days only, while visitors came."""

    verdict: Verdict
    before: str
    after: str
    page: Answer
    status: Run


@pytest.fixture(scope="module")
def renewal(plain: Site) -> Iterator[Renewal]:
    """Made once for what follows, with browsers told to come by TLS alone; afterwards all is as it was."""
    before = shown(plain)["serialNumber"]
    # Each request on a connection of its own: a reload closes idle ones. A browser that writes at that very moment opens another
    # one by itself, as this load does not.
    plan = plain.load(rate=40, fresh_every=1)
    variables = {"certificates_renew_before_days": 400, "certificates_days": LAST_DAYS, "site_tls_hsts_seconds": HSTS_SECONDS}
    with constant_load(plan) as load:
        plain.play("site", "--tags", "nginx", **variables).must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    yield Renewal(
        verdict, before, shown(plain)["serialNumber"], plain.visitor.get("/"), plain.play("status", status_format="json")
    )
    plain.play("site", "--tags", "nginx").must_succeed()
    assert plain.play("site", "--tags", "nginx").must_succeed().changed == 0


def test_a_renewal_loses_no_request(renewal: Renewal) -> None:
    assert renewal.after != renewal.before, "the old certificate is still shown"
    assert renewal.verdict.flawless, str(renewal.verdict)


def test_browsers_are_told_to_come_by_tls_and_the_projects_own_word_wins(renewal: Renewal) -> None:
    # The first step, on the first day.
    assert renewal.page.headers.get_all("Strict-Transport-Security") == ["max-age=300"], renewal.page
    assert renewal.page.headers.get_all("Referrer-Policy") == ["same-origin"], renewal.page


def test_the_status_tells_how_long_the_certificate_is_good(plain: Site, renewal: Renewal) -> None:
    output = renewal.status.output
    [status] = [
        status
        for status in json.loads(output[output.find("{") : output.rfind("}") + 1])["hosts"].values()
        if "certificate_days" in status
    ]
    assert status["certificate_days"] == LAST_DAYS - 1, status
    assert renewal.status.code != 0 and renewal.status.says("the certificate that visitors are shown ends in 9 days"), (
        renewal.status
    )
