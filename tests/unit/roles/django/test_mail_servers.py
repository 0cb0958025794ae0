"""What a deploy says of a mail server that takes none of the site's mail."""

from __future__ import annotations

import smtplib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator

import pytest

from tests.unit.roles.django.test_site_settings import loaded


class Speech(socketserver.StreamRequestHandler):
    """A mail server that knows nobody."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail.example\r\n")
        while word := self.rfile.readline().split(b" ")[0].strip().upper():
            answers = {b"EHLO": b"250-mail.example\r\n250 AUTH PLAIN", b"QUIT": b"221 bye"}
            self.wfile.write(answers.get(word, b"535 5.7.8 no such account,\r\n\there") + b"\r\n")


class Sender:
    """Opens as the SMTP backend of Django does."""

    def __init__(self, host: str, port: int, **options: str | bool | None) -> None:
        self.host, self.port, self.options = host, port, options
        self.username = options.get("username", "")
        self.timeout: float | None = None
        self.fail_silently = True
        self.connection: smtplib.SMTP | None = None

    def open(self) -> None:
        assert self.timeout and not self.fail_silently
        self.connection = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if self.options.get("use_tls"):
            self.connection.starttls(context=ssl.create_default_context())
        if self.username:
            self.connection.login(str(self.username), "of-nobody-else")

    def close(self) -> None:
        if self.connection:
            self.connection.close()


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speech) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_server_that_lets_the_site_in_is_not_mentioned(port: int) -> None:
    assert loaded("release_checks").why_no_mail(Sender("127.0.0.1", port)) == ""


def test_a_login_that_is_refused_is_told_without_the_password(port: int) -> None:
    told = loaded("release_checks").why_no_mail(Sender("127.0.0.1", port, username="shop"))
    assert told.startswith(f"mail: 127.0.0.1:{port} takes no mail of this site: SMTPAuthenticationError: 535 5.7.8 no such")
    assert told.endswith("Look at site_mail_user and site_mail_password.")
    assert "of-nobody-else" not in told and "\n" not in told


def test_a_server_without_starttls_is_told(port: int) -> None:
    told = loaded("release_checks").why_no_mail(Sender("127.0.0.1", port, use_tls=True))
    assert "SMTPNotSupportedError" in told and "site_mail_security" in told


def test_a_server_that_does_not_answer_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        told = loaded("release_checks").why_no_mail(Sender("127.0.0.1", unused.getsockname()[1]))
    assert "ConnectionRefusedError" in told and "site_mail_host and site_mail_port" in told


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (TimeoutError("timed out"), "Most providers let nothing out to port 25"),
        (socket.gaierror(-2, "Name or service not known"), "look at site_mail_host"),
        (ssl.SSLCertVerificationError("Hostname mismatch"), "the name that its certificate has"),
        (ssl.SSLError("wrong version number"), "goes with port 465"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "goes with port 465"),
    ],
)
def test_each_obstacle_has_its_remedy(error: Exception, remedy: str) -> None:
    assert remedy in loaded("release_checks").mail_remedy(Sender("smtp.example.net", 25), error)


def test_a_server_that_nobody_has_chosen_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = loaded("release_checks")
    assert not checks.is_chosen("localhost")
    assert checks.is_chosen("smtp.example.net")
    monkeypatch.setenv("EMAIL_HOST", "localhost")
    assert checks.is_chosen("localhost")


def test_a_backend_that_cannot_be_begun_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = loaded("release_checks")

    def fail() -> list[str]:
        raise ModuleNotFoundError("No module named 'anymail'")

    monkeypatch.setattr(checks, "try_mail", fail)
    [told] = checks.untaken_mail()
    assert told.startswith("mail: what sends it can't be begun: ModuleNotFoundError: No module named 'anymail'.")
