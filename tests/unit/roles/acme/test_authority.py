"""How certbot is called, and what is made of an authority's answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.acme.client import (
    DIRECTORY,
    NOW,
    authority,
)


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
    return authority.failure_of(settings, output, log, NOW)


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


def test_a_forgotten_account_is_made_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = settings.state / "certbot" / "accounts" / "acme.example.org"
    account.mkdir(parents=True)
    asked = []

    def refuse_once(_: Any) -> None:
        asked.append(account.exists())
        if account.exists():
            raise authority.failure_of(settings, "", answered(400, "accountDoesNotExist", "not found"), NOW)

    monkeypatch.setattr(authority, "_ask", refuse_once)
    authority.ask(settings)
    assert asked == [True, False]


def test_challenges_by_http(settings: Any) -> None:
    command = " ".join(authority.certbot(settings))
    assert f"--authenticator webroot --webroot-path {settings.challenge_path}" in command
    assert "--domain shop.example.org --domain www.shop.example.org" in command
    assert "--register-unsafely-without-email" in command and f"--server {DIRECTORY}" in command


def test_challenges_by_a_plugin(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dns").write_text("secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    command = " ".join(
        authority.certbot(dataclasses.replace(settings, challenge="dns", dns_plugin="rfc2136", email="w@example.org"))
    )
    wanted = f"--authenticator dns-rfc2136 --dns-rfc2136-credentials {tmp_path}/dns --dns-rfc2136-propagation-seconds 30"
    assert wanted in command and "--email w@example.org" in command and "secret" not in command


def test_challenges_by_a_script(settings: Any) -> None:
    command = authority.certbot(dataclasses.replace(settings, challenge="dns"))
    assert "/etc/hotclub/acme/shop-dns-hook add && sleep 30" in command
    assert "/etc/hotclub/acme/shop-dns-hook remove" in command
