"""TLS between the tiers: what the roles write for it, and how a new authority takes the old one's place."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.move import Primary
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets import authority as authorities
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.rotation import STEPS, certificates_in

NOW = datetime.now(UTC)
PASSPHRASE = "a passphrase for tests"
RULES = "etc/postgresql/_version_/main/pg_hba.d/50-_access_.conf.j2"
SHOP: dict[str, Any] = {
    "postgresql_access_name": "shop",
    "postgresql_databases": [{"name": "shop", "owner": "shop"}],
    "postgresql_allowed_clients": [{"database": "shop", "user": "shop", "address": "10.0.0.4"}],
    "postgresql_replicas": [{"user": "copy", "address": "10.0.0.5"}],
    "postgresql_certificate_names": ["db1", "10.0.0.31"],
}
SERVER = {"name": "app1", "address": "10.0.0.21:8000", "weight": 1, "backup": False, "drained": False}

Render = Callable[..., str]


def remote(rules: str) -> list[str]:
    """Return the rules for other hosts, as words."""
    lines = [line.split() for line in rules.splitlines() if line and not line.startswith("#")]
    return [" ".join(words) for words in lines if words[0] != "local" and words[3] not in ("127.0.0.1/32", "::1/128")]


def test_the_database_asks_other_hosts_for_a_certificate_of_the_account(render: Render) -> None:
    assert remote(render("postgresql", RULES, **SHOP)) == [
        "hostssl shop,shop-loading +shop 10.0.0.4/32 scram-sha-256 clientcert=verify-full",
        "hostssl replication copy 10.0.0.5/32 scram-sha-256 clientcert=verify-ca",
    ]


def test_a_site_is_changed_over_while_both_ways_are_open(render: Render) -> None:
    assert remote(render("postgresql", RULES, **SHOP, postgresql_tls_required=False))[:2] == [
        "hostssl shop,shop-loading +shop 10.0.0.4/32 scram-sha-256 clientcert=verify-full",
        "hostnossl shop,shop-loading +shop 10.0.0.4/32 scram-sha-256",
    ]


def test_a_copy_believes_only_the_server_that_it_was_sent_to() -> None:
    words = Primary("10.0.0.2", 5432, "copy", "secret", {}, "/etc/shown").connection.split()
    assert {"host=10.0.0.2", "sslmode=verify-full", "sslrootcert=/etc/shown/authority.pem"} <= set(words)
    assert "secret" not in " ".join(words)
    assert not [word for word in Primary("10.0.0.2", 5432, "copy", "secret", {}).connection.split() if "ssl" in word]


def test_balancers_believe_an_application_host_by_its_name(render: Render) -> None:
    plain = render("haproxy", "etc/haproxy/sites/_site_.cfg.j2", haproxy_site_name="shop", haproxy_servers=[SERVER])
    assert "ssl" not in plain
    text = render(
        "haproxy",
        "etc/haproxy/sites/_site_.cfg.j2",
        haproxy_site_name="shop",
        haproxy_servers=[SERVER],
        haproxy_certificate_name="lb1",
    )
    # All ways to the hosts: the checked one, the one for changes, and the unchecked one.
    assert len(re.findall(r"default-server ssl verify required ca-file \S+/authority.pem crt \S+/combined.pem", text)) == 3
    assert len(re.findall(r"server app1 10\.0\.0\.21:8000.* verifyhost app1\b", text)) == 3


def test_only_what_changes_nothing_goes_by_a_kept_connection(render: Render) -> None:
    shop: dict[str, Any] = {"haproxy_site_name": "shop", "haproxy_servers": [SERVER], "haproxy_certificate_name": "lb1"}
    text = render("haproxy", "etc/haproxy/sites/_site_.cfg.j2", **shop)
    head, checked, changes, unchecked = text.split("\nbackend shop")
    assert "    http-reuse always\n" in head and "http-reuse" not in checked
    # Where it is unknown who is well, nothing is kept, either.
    for part in (changes, unchecked):
        assert "    http-reuse never\n" in part
    assert "    http-request set-header Connection close\n" in changes


@pytest.mark.parametrize("changed", [{"haproxy_certificate_name": ""}, {"haproxy_http_reuse": "never"}])
def test_without_tls_or_where_told_so_no_connection_is_kept(render: Render, changed: dict[str, str]) -> None:
    shop: dict[str, Any] = {"haproxy_site_name": "shop", "haproxy_servers": [SERVER], "haproxy_certificate_name": "lb1"}
    text = render("haproxy", "etc/haproxy/sites/_site_.cfg.j2", **(shop | changed))
    assert set(re.findall(r"http-reuse (\w+)", text)) == {"never"}
    assert "http-request set-header Connection close" not in text


def test_application_hosts_let_balancers_in_by_their_names(render: Render) -> None:
    text = render(
        "app_tls",
        "etc/hotclub/_site_/tls.cfg.j2",
        app_tls_site_name="shop",
        app_tls_listen_address="[2001:db8::21]:8000",
        app_tls_clients=["lb1", "lb2"],
    )
    assert re.search(r"^    bind \[2001:db8::21\]:8000 ssl .* verify required$", text, re.MULTILINE)
    assert "tcp-request session reject unless { ssl_c_s_dn(cn) -m str lb1 lb2 }" in text


def test_an_application_host_closes_no_connection_under_a_request_of_a_balancer(render: Render) -> None:
    named = {"app_tls_site_name": "shop", "app_tls_listen_address": "10.0.0.21:8000", "app_tls_clients": ["lb1"]}
    text = render("app_tls", "etc/hotclub/_site_/tls.cfg.j2", **named)
    lines = {line.strip() for line in text.splitlines()}
    # What gunicorn closes ends here, what a reload closes is said in an answer, and what is silent is the balancer's to close.
    assert {"mode http", "option http-server-close", "http-reuse never", "option idle-close-on-response"} <= lines
    assert "timeout http-keep-alive 24h" in lines
    # The kernel would wait for more of an answer that a page sends bit by bit.
    assert "option http-no-delay" in lines
    # The balancer asks another host when it gets no answer, and passes on any that it gets.
    assert {f"errorfile {status} /dev/null" for status in (502, 503, 504)} <= lines


def test_what_fits_into_a_balancer_fits_into_an_application_host(render: Render) -> None:
    named = {"app_tls_site_name": "shop", "app_tls_listen_address": "10.0.0.21:8000", "app_tls_clients": ["lb1"]}
    balancer, application_host = (
        int(re.findall(r"tune\.bufsize (\d+)", text)[0])
        for text in (render("haproxy", "etc/haproxy/haproxy.cfg.j2"), render("app_tls", "etc/hotclub/_site_/tls.cfg.j2", **named))
    )
    # What nginx lets through unless told otherwise, in four parts of 8 KiB.
    assert 4 * 8192 < balancer < application_host


# --- a new authority


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An authority, as the first run makes it."""
    authorities.ensure(tmp_path / "authority", "shop", PASSPHRASE, NOW)
    return tmp_path / "authority"


def trusted(folder: Path) -> list[str]:
    return certificates_in((folder / "authority.crt").read_text())


def take(step: str, folder: Path) -> bool:
    return STEPS[step](folder, "shop", PASSPHRASE, NOW)


def test_at_every_step_hosts_trust_who_signed_before_and_who_signs_now(folder: Path) -> None:
    [old] = trusted(folder)
    assert take("prepare", folder)
    assert trusted(folder)[0] == old
    new = trusted(folder)[1]
    assert take("switch", folder)
    assert trusted(folder) == [new, old]
    assert take("finish", folder)
    assert trusted(folder) == [new]
    # It can sign: its key is in place.
    assert authorities.ensure(folder, "shop", PASSPHRASE, NOW).sign(request(), wanted(), PASSPHRASE, NOW)


def test_a_step_that_was_taken_is_not_taken_again(folder: Path) -> None:
    take("prepare", folder)
    both = trusted(folder)
    assert not take("prepare", folder)
    take("switch", folder)
    # A run that broke off here begins anew, and goes on from here.
    assert not take("prepare", folder)
    assert not take("switch", folder)
    assert trusted(folder) == both[::-1]
    take("finish", folder)
    assert not take("finish", folder)


def test_a_step_that_broke_off_between_two_files_is_made_good(folder: Path) -> None:
    take("prepare", folder)
    old, new = trusted(folder)
    (folder / "authority.key").write_bytes((folder / "next" / "authority.key").read_bytes())
    assert take("switch", folder)
    assert trusted(folder) == [new, old]


def test_a_site_without_authority_has_nothing_to_rotate(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"Run playbooks/site\.yml first"):
        take("prepare", tmp_path)


def request() -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = asked.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def wanted() -> authorities.Wanted:
    return authorities.Wanted(names=("app1",))
