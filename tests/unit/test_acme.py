"""The ACME client of a site: when it asks, what it makes of an authority's answers, and what it lets be served."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import importlib.util
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import Acme, failing_renewal
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import Inventory, Rules, Setting, check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tools.docs import CHECKOUT

SCRIPT = CHECKOUT / "roles" / "acme" / "templates" / "usr" / "local" / "lib" / "hotclub" / "acme_certificate.py"
DAY = 24 * 3600.0
NAMES = ["shop.example.org", "www.shop.example.org"]
DIRECTORY = "https://acme.example.org/directory"
NOW = 1_800_000_000.0


def load() -> Any:
    spec = importlib.util.spec_from_file_location("acme_certificate", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load()


def certificate(
    names: list[str] = NAMES, begins: float = NOW - 10 * DAY, ends: float = NOW + 80 * DAY, key: Any = None
) -> tuple[str, str]:
    """Return a certificate and its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    moments = [datetime.datetime.fromtimestamp(moment, datetime.UTC) for moment in (begins, ends)]
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moments[0])
        .not_valid_after(moments[1])
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return built.public_bytes(Encoding.PEM).decode(), private.decode()


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    (tmp_path / "state").mkdir()
    return script.Settings(
        site="shop",
        names=NAMES,
        email="",
        directory=DIRECTORY,
        authorities="",
        key_type="ecdsa",
        challenge="http",
        challenge_path=str(tmp_path / "challenge"),
        dns_plugin="",
        dns_propagation_seconds=30,
        reachability_check=True,
        certificate_path=str(tmp_path / "served"),
        check_command="true",
        reload_command=f"touch {tmp_path}/reloaded",
        state_path=str(tmp_path / "state"),
    )


def issue(settings: Any, **wanted: Any) -> tuple[str, str]:
    """Leave a certificate where certbot would."""
    settings.issued.mkdir(parents=True, exist_ok=True)
    chain, key = certificate(**wanted)
    (settings.issued / "fullchain.pem").write_text(chain)
    (settings.issued / "privkey.pem").write_text(key)
    script.Memory.at(settings.state).succeed(settings, NOW)
    return chain, key


def reasons(settings: Any, now: float = NOW) -> list[str]:
    return list(script.reasons(settings, script.Memory.at(settings.state), now))


# When it asks.


def test_a_certificate_that_is_as_it_should_be_is_no_reason_to_ask(settings: Any) -> None:
    issue(settings)
    assert reasons(settings) == []


def test_it_asks_when_there_is_none(settings: Any) -> None:
    assert reasons(settings) == ["there is none yet"]


@pytest.mark.parametrize(("left", "asks"), [(31, False), (29, True), (-1, True)])
def test_it_asks_in_the_last_third_of_a_certificates_life(settings: Any, left: int, asks: bool) -> None:
    issue(settings, begins=NOW + (left - 90) * DAY, ends=NOW + left * DAY)
    assert bool(reasons(settings)) is asks


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"names": ["shop.example.org"]}, "it is for shop.example.org, www.shop.example.org"),
        ({"directory": "https://other.example.org/directory"}, f"it is from {DIRECTORY}"),
        ({"key_type": "rsa"}, "its key is ecdsa"),
    ],
)
def test_it_asks_when_something_else_is_wanted(settings: Any, changes: dict[str, Any], told: str) -> None:
    issue(settings)
    assert reasons(dataclasses.replace(settings, **changes)) == [told]


def test_the_key_of_an_older_certificate_is_recognised(settings: Any) -> None:
    issue(settings, key=rsa.generate_private_key(65537, 2048))
    assert reasons(dataclasses.replace(settings, key_type="rsa")) == []


# What it makes of an authority's answers.


def answered(status: int, problem: str, detail: str, *headers: str) -> str:
    """Return what certbot logs of an answer."""
    body = json.dumps({"type": f"urn:ietf:params:acme:error:{problem}", "detail": detail, "status": status}, indent=1)
    lines = "\n".join(["Server: nginx", *headers])
    return (
        "2027-01-15 08:00:00,000:DEBUG:acme.client:Received response:\nHTTP 200\nServer: nginx\n\n{}\n"
        f"2027-01-15 08:00:01,000:DEBUG:acme.client:Received response:\nHTTP {status}\n{lines}\n\n{body}\n"
        "2027-01-15 08:00:01,100:DEBUG:certbot._internal.log:Exiting abnormally:\nTraceback\n"
    )


def failure(settings: Any, output: str, log: str = "") -> Any:
    return script.failure_of(settings, output, log, NOW)


def test_an_authority_that_was_asked_too_often_names_the_time(settings: Any) -> None:
    error = failure(settings, "error", answered(429, "rateLimited", "too many certificates", "Retry-After: 7200"))
    assert error.kind == "limited" and error.wait_until == NOW + 7200
    assert "asked too often: too many certificates" in str(error) and "2027-01-15 10:00 UTC" in str(error)


@pytest.mark.parametrize(
    ("detail", "header", "wait"),
    [
        ("too many", "Retry-After: Fri, 15 Jan 2027 09:30:00 GMT", 5400),
        ("too many certificates, retry after 2027-01-15 09:00:00 UTC: see https://example.org", "X-Other: 1", 3600),
        ("too many", "X-Other: 1", 3600),
        ("too many", "Retry-After: soon", 3600),
    ],
)
def test_the_time_may_be_written_in_several_ways(settings: Any, detail: str, header: str, wait: float) -> None:
    assert failure(settings, "", answered(429, "rateLimited", detail, header)).wait_until == NOW + wait


def test_an_authority_in_trouble_is_told_from_one_that_refuses(settings: Any) -> None:
    assert failure(settings, "", answered(503, "serverInternal", "maintenance", "Retry-After: 60")).wait_until == NOW + 60
    refusal = failure(settings, "", answered(400, "invalidContact", "invalid contact domain"))
    assert refusal.kind == "refused" and "invalid contact domain" in str(refusal)


def test_names_that_were_not_proven_are_told_with_the_authoritys_words(settings: Any) -> None:
    output = (
        "Certbot failed to authenticate some domains. The Certificate Authority reported these problems:\n"
        "  Domain: www.shop.example.org\n  Type:   unauthorized\n  Detail: 192.0.2.1: Invalid response: 404\n\nHint: ..."
    )
    error = failure(settings, output)
    assert error.kind == "challenge"
    assert "- www.shop.example.org: 192.0.2.1: Invalid response: 404 (unauthorized)" in str(error)


def test_an_authority_that_does_not_answer_is_told(settings: Any) -> None:
    assert failure(settings, "ValueError: Requesting localhost/dir: Connection refused").kind == "down"
    untrusted = failure(settings, "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))")
    assert "site_acme_ca_bundle_path" in str(untrusted)


# What it remembers.


def test_an_authority_that_asked_for_a_pause_is_left_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(_: Any) -> None:
        asked.append(1)
        raise script.AcmeError("asked too often", "limited", script.time.time() + 600)

    monkeypatch.setattr(script, "refuse_unreachable", lambda _: None)
    monkeypatch.setattr(script, "ask", refuse)
    for _ in range(3):
        with pytest.raises(script.AcmeError, match="asked too often"):
            script.renew(settings)
    assert asked == [1]
    assert script.look(settings)["waits_until"]

    # Asked otherwise, it is another question.
    monkeypatch.setattr(script, "ask", lambda _: issue(settings))
    script.renew(dataclasses.replace(settings, directory="https://other.example.org/directory"))


def test_a_name_that_fails_is_tried_four_times_an_hour(settings: Any) -> None:
    memory = script.Memory.at(settings.state)
    for minute in range(4):
        assert not memory.waits_until(settings, NOW + minute * 60)
        memory.fail(script.AcmeError("no proof", "challenge"), settings, NOW + minute * 60)
    assert memory.waits_until(settings, NOW + 300) == NOW + 3600
    assert not memory.waits_until(settings, NOW + 3601)


def test_an_authority_that_is_down_may_be_tried_at_any_time(settings: Any) -> None:
    memory = script.Memory.at(settings.state)
    for minute in range(10):
        memory.fail(script.AcmeError("no answer", "down"), settings, NOW + minute * 60)
    assert not memory.waits_until(settings, NOW + 601)


def test_a_failure_is_forgotten_when_nothing_is_missing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issue(settings, begins=script.time.time() - DAY, ends=script.time.time() + 80 * DAY)
    script.Memory.at(settings.state).fail(script.AcmeError("no answer\nmore", "down"), settings, NOW)
    root = settings.state.parents[0]
    (root / "var/lib/hotclub-acme").mkdir(parents=True)
    (root / "var/lib/hotclub-acme/shop").symlink_to(settings.state)
    assert failing_renewal("shop", root) == "no answer"
    script.renew(settings)
    assert failing_renewal("shop", root) == ""


def test_a_forgotten_account_is_made_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = settings.state / "certbot" / "accounts" / "acme.example.org"
    account.mkdir(parents=True)
    asked = []

    def refuse_once(_: Any) -> None:
        asked.append(account.exists())
        if account.exists():
            raise script.failure_of(settings, "", answered(400, "accountDoesNotExist", "not found"), NOW)

    monkeypatch.setattr(script, "_ask", refuse_once)
    script.ask(settings)
    assert asked == [True, False]


# Whether a name can be reached.


class Web(BaseHTTPRequestHandler):
    """Serves the challenges, or sends whoever asks elsewhere first."""

    folder: Path
    status = 200
    moves = False

    def do_GET(self) -> None:
        if self.moves and not self.path.startswith("/moved"):
            self.send_response(301)
            self.send_header("Location", f"http://127.0.0.1:{script.PORT}/moved{self.path}")
            self.end_headers()
            return
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write((self.folder / self.path.removeprefix("/moved").lstrip("/")).read_bytes())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Web]]:
    """A web server on the only address that names lead to."""
    handler = type("Handler", (Web,), {"folder": Path(settings.challenge_path)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(script, "PORT", server.server_address[1])
    monkeypatch.setattr(script, "addresses_of", lambda _: ["127.0.0.1"])
    yield handler
    server.shutdown()
    server.server_close()


def test_names_that_lead_to_the_site_are_good(settings: Any, web: type[Web]) -> None:
    script.refuse_unreachable(settings)
    assert list(Path(settings.challenge_path).rglob("hotclub-probe-*")) == []


def test_names_may_be_sent_on_as_authorities_follow(settings: Any, web: type[Web]) -> None:
    web.moves = True
    script.refuse_unreachable(settings)


def test_each_name_that_leads_elsewhere_is_told(settings: Any, web: type[Web], monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str) -> list[str]:
        if name == "shop.example.org":
            raise script.socket.gaierror(-2, "Name or service not known")
        return ["127.0.0.1", "127.0.0.9"]

    monkeypatch.setattr(script, "addresses_of", resolve)
    with pytest.raises(script.AcmeError) as told:
        script.refuse_unreachable(settings)
    assert "- shop.example.org has no address (Name or service not known). Add a DNS record" in str(told.value)
    assert "- www.shop.example.org leads to 127.0.0.9, which doesn't answer on port 80 (Connection refused)" in str(told.value)
    assert "127.0.0.1" not in str(told.value) and told.value.kind == "unreachable"


def test_another_server_under_a_name_is_told(settings: Any, web: type[Web]) -> None:
    web.status = 404
    with pytest.raises(script.AcmeError, match=r"leads to 127\.0\.0\.1, where something else answers"):
        script.refuse_unreachable(settings)


# What it lets be served.


def test_what_was_issued_is_put_in_place_and_the_web_server_told(settings: Any, tmp_path: Path) -> None:
    now = script.time.time()
    chain, key = issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    script.install(settings)
    served = Path(settings.certificate_path)
    assert (served / "fullchain.pem").read_text() == chain and (served / "privkey.pem").read_text() == key
    assert (served / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "reloaded").exists()

    (tmp_path / "reloaded").unlink()
    script.install(settings)
    assert not (tmp_path / "reloaded").exists()


def test_three_renewals_leave_two_versions(settings: Any) -> None:
    now = script.time.time()
    for _ in range(3):
        issue(settings, begins=now - DAY, ends=now + 80 * DAY)
        script.install(settings)
    assert len(list((Path(settings.certificate_path) / "versions").iterdir())) == 2


def test_a_certificate_that_the_web_server_refuses_is_taken_back(settings: Any, tmp_path: Path) -> None:
    now = script.time.time()
    before, _ = issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    script.install(settings)
    (tmp_path / "reloaded").unlink()
    issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    with pytest.raises(script.AcmeError, match="was taken back"):
        script.install(dataclasses.replace(settings, check_command="false"))
    assert (Path(settings.certificate_path) / "fullchain.pem").read_text() == before
    assert not (tmp_path / "reloaded").exists()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"key": certificate()[1]}, "key of what was issued is another one"),
        ({"chain": "nothing"}, "is no certificate"),
    ],
)
def test_what_does_not_fit_is_not_served(settings: Any, damage: dict[str, str], told: str) -> None:
    chain, key = certificate()
    with pytest.raises(script.AcmeError, match=told):
        script.proven(settings, **{"chain": chain, "key": key, **damage}, now=NOW)


def test_what_is_for_other_names_or_has_ended_is_not_served(settings: Any) -> None:
    with pytest.raises(script.AcmeError, match=r"is not for www\.shop\.example\.org"):
        script.proven(settings, *certificate(names=["shop.example.org"]), NOW)
    with pytest.raises(script.AcmeError, match="has ended"):
        script.proven(settings, *certificate(), NOW + 81 * DAY)


# How certbot is called.


def test_challenges_by_http(settings: Any) -> None:
    command = " ".join(script.certbot(settings))
    assert f"--authenticator webroot --webroot-path {settings.challenge_path}" in command
    assert "--domain shop.example.org --domain www.shop.example.org" in command
    assert "--register-unsafely-without-email" in command and f"--server {DIRECTORY}" in command


def test_challenges_by_a_plugin(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dns").write_text("secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    command = " ".join(
        script.certbot(dataclasses.replace(settings, challenge="dns", dns_plugin="rfc2136", email="w@example.org"))
    )
    wanted = f"--authenticator dns-rfc2136 --dns-rfc2136-credentials {tmp_path}/dns --dns-rfc2136-propagation-seconds 30"
    assert wanted in command and "--email w@example.org" in command and "secret" not in command


def test_challenges_by_a_script(settings: Any) -> None:
    command = script.certbot(dataclasses.replace(settings, challenge="dns"))
    assert "/etc/hotclub/acme/shop-dns-hook add && sleep 30" in command
    assert "/etc/hotclub/acme/shop-dns-hook remove" in command


# Several balancers.

PEER = "shop.balancers.internal"


@pytest.fixture
def accepted() -> list[str]:
    """As whom the other balancer accepts one that asks."""
    return [PEER]


@pytest.fixture
def peers(settings: Any, accepted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another balancer that has what is in the file `offer`, and knows the site's balancers by one authority."""
    chain, key = certificate([PEER], begins=time.time() - DAY, ends=time.time() + DAY)
    for name, content in {"peer-chain": chain, "peer-authority": chain, "peer-key": key}.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shared = dataclasses.replace(settings, peers=["127.0.0.1"], peer_port=port, peer_name=PEER)

        def serve() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection, contextlib.suppress(OSError, script.AcmeError):
                    monkeypatch.setattr(sys, "stdin", connection)
                    script.hand(dataclasses.replace(shared, peer_name=accepted[0]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield shared
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def offer(tmp_path: Path, directory: str = DIRECTORY, **wanted: Any) -> str:
    """Let the other balancer have a certificate; return its chain."""
    chain, key = certificate(**wanted)
    (tmp_path / "offer").write_text(json.dumps({"directory": directory, "fullchain.pem": chain, "privkey.pem": key}))
    return chain


def test_what_another_balancer_has_is_taken_and_the_authority_not_asked(
    peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "ask", lambda settings: pytest.fail("the authority was asked"))
    monkeypatch.setattr(time, "time", lambda: NOW)
    chain = offer(tmp_path)
    script.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == chain
    script.install(peers)
    served = Path(peers.certificate_path)
    assert (served / "fullchain.pem").read_text() == chain
    assert json.loads((served / "offer.json").read_text())["fullchain.pem"] == chain
    assert (served / "offer.json").stat().st_mode & 0o777 == 0o600
    assert script.look(peers)["good"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"names": ["shop.example.org"]},
        {"directory": "https://elsewhere.example.org"},
        {"ends": NOW - DAY},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"begins": NOW - 11 * DAY},
    ],
    ids=["other names", "another authority", "ended", "another type of key", "older"],
)
def test_what_is_no_better_is_not_taken(
    peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    mine, _ = issue(peers)
    offer(tmp_path, **wanted)
    script.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == mine
    newer = offer(tmp_path, begins=NOW - 9 * DAY)
    script.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == newer


def test_a_balancer_asks_itself_where_no_other_has_one(peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(settings: Any) -> None:
        asked.append(settings.site)
        issue(settings)

    monkeypatch.setattr(script, "ask", ask)
    monkeypatch.setattr(script, "refuse_unreachable", lambda settings: None)
    monkeypatch.setattr(time, "time", lambda: NOW)
    script.renew(peers)
    assert asked == ["shop"]
    # What it asked for itself is what counts from then on, also where it had another one's before.
    offer(tmp_path, begins=NOW - DAY)
    script.renew(peers)
    assert peers.newest == peers.taken
    (peers.state / "renew-now").touch()
    offer(tmp_path, begins=NOW)
    script.renew(peers)
    assert asked == ["shop", "shop"] and peers.newest == peers.issued


def test_nothing_is_handed_to_who_is_no_balancer_of_the_site(peers: Any, accepted: list[str], tmp_path: Path) -> None:
    offer(tmp_path)
    assert script.offered(peers, "127.0.0.1")
    # It has a certificate of the same authority, for something else.
    accepted[0] = "another.balancers.internal"
    assert script.offered(peers, "127.0.0.1") is None
    anybody = ssl.create_default_context(cafile=tmp_path / "peer-authority")
    with (
        socket.create_connection(("127.0.0.1", peers.peer_port), 5) as plain,
        anybody.wrap_socket(plain, server_hostname=PEER) as connection,
        pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
    ):
        connection.recv(1)


@pytest.mark.parametrize(("turn", "left", "asks"), [(0, 29, True), (1, 29, False), (1, 26, True), (9, 16, False), (9, 14, True)])
def test_the_others_wait_longer_than_the_first(settings: Any, turn: int, left: int, asks: bool) -> None:
    issue(settings, begins=NOW + (left - 90) * DAY, ends=NOW + left * DAY)
    assert bool(reasons(dataclasses.replace(settings, turn=turn))) is asks


# The module's side.


def test_the_units_are_started_where_they_do_not_run(tmp_path: Path) -> None:
    on, off = "ActiveState=active\nUnitFileState=enabled", "ActiveState=inactive\nUnitFileState=disabled"

    def run(command: list[str]) -> tuple[int, str]:
        return 0, "\n\n".join(f"{state}\nNeedDaemonReload={again}" for state, again in units)

    acme = Acme("shop", run, tmp_path)
    acme.settings.parent.mkdir(parents=True)
    acme.settings.write_text("{}")
    units = [(on, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == []
    units = [(on, "no"), (off, "yes"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload"]
    units = [(off, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload", "enable"]
    units = [(on, "no"), (off, "no"), (on, "no")]
    assert acme.unit_actions() == ["daemon-reload", "listen-no-more"]
    acme.settings.write_text('{"peers": ["10.0.0.2"]}')
    assert acme.unit_actions() == []
    # Its address has changed.
    units = [(on, "no"), (off, "no"), (on, "yes")]
    assert acme.unit_actions() == ["daemon-reload", "listen"]
    units = [(on, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload", "listen"]


def test_leaving_removes_what_is_the_sites_alone(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> tuple[int, str]:
        asked.append(command)
        return 0, ""

    acme = Acme("shop", run, tmp_path)
    other = Acme("gallery", run, tmp_path)
    for file in (acme.settings, other.settings, tmp_path / "etc/systemd/system/shop-acme.timer", acme.state / "state.json"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    acme.leave()
    assert acme.leftovers() == [] and other.settings.exists()
    assert ["systemctl", "disable", "--now", "shop-acme.timer"] in asked


def test_damaged_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="again"):
        Acme("shop", lambda _: (1, "Traceback"), tmp_path).look()


# Mistakes in the inventory.


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("site_acme_email", "webmaster", "webmaster@example.org"),
        ("site_acme_email", "a@b.example, c@d.example", "webmaster@example.org"),
        ("site_acme_directory_url", "acme.example.org", "https://"),
        ("site_acme_directory_url", "http://acme.example.org/directory", "https://"),
        ("site_acme_directory_url", "https://acme.example.org", "a path"),
        ("site_acme_dns_plugin", "python3-certbot-dns-cloudflare", "cloudflare"),
        ("site_acme_dns_plugin", "dns-rfc2136", "rfc2136"),
        ("site_acme_ca_bundle_path", "/no/such/file.pem", "remove the line"),
    ],
)
def test_mistakes_are_named(name: str, value: str, remedy: str) -> None:
    found = list(RULES[name](value))
    assert found and remedy in found[0][1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site_acme_email", ""),
        ("site_acme_email", "webmaster@example.org"),
        ("site_acme_directory_url", "https://acme-v02.api.letsencrypt.org/directory"),
        ("site_acme_directory_url", "https://ca.internal:9000/acme/acme/directory"),
        ("site_acme_dns_plugin", "rfc2136"),
    ],
)
def test_good_values_pass(name: str, value: str) -> None:
    assert list(RULES[name](value)) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"site_acme_challenge": "dns"}, "nothing says how to change the zone"),
        ({"site_acme_challenge": "dns", "site_acme_dns_plugin": "ovh", "site_acme_dns_hook_path": "/x"}, "two ways are named"),
        ({"site_acme_dns_plugin": "ovh"}, "is not used, since site_acme_challenge is http"),
        ({"site_acme_challenge": "dns", "site_acme_dns_plugin": "ovh"}, ""),
        ({"nginx_proxy_protocol_enabled": "true"}, "balancers can't answer an authority for one another"),
        ({"nginx_proxy_protocol_enabled": "true", "site_tls_mode": "own"}, ""),
    ],
)
def test_a_challenge_that_nothing_answers_is_refused(said: dict[str, str], told: str) -> None:
    groups = {"all": ["web1", "web2"], "lb": ["web1", "web2"], "app": ["web1"], "db": ["web1"]}
    settings = [Setting("web1", name, value) for name, value in said.items()]
    lines = [
        line
        for line in check_inventory(Inventory(groups, settings, folders={"web1": "/inventory"}), Rules({}, ("site_",)))
        if "web1" in line and ("zone" in line or "site_acme_challenge is http" in line or "one another" in line)
    ]
    assert len(lines) == bool(told) and all(told in line for line in lines)
