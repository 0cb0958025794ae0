"""A certificate that the operator brings is looked at before anything changes, and each problem is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.own_certificate import complaints
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.conftest import CHECKOUT

COLLECTION = CHECKOUT
NOW = datetime.now(UTC)
NAMES = ["shop.example.org", "192.0.2.7"]
PEM = serialization.Encoding.PEM


def key_text(key: ec.EllipticCurvePrivateKey, passphrase: str = "") -> str:
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, how).decode()


def certificate(key: ec.EllipticCurvePrivateKey, names: list[str], days: int = 30) -> str:
    from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import general_names

    end = NOW + timedelta(days=days)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=True)
    )
    return built.sign(key, hashes.SHA256()).public_bytes(PEM).decode()


KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
GOOD = certificate(KEY, NAMES)


def wrong(chain: str = GOOD, key: str = key_text(KEY), names: list[str] = NAMES) -> list[str]:
    return [f"{found.subject} {found.wrong}" for found in complaints(chain, key, names, NOW)]


def test_a_certificate_that_fits_is_taken() -> None:
    assert wrong() == []
    assert wrong(GOOD + certificate(OTHER_KEY, ["an authority"])) == []


def test_a_wildcard_is_for_one_level_of_names() -> None:
    wildcard = certificate(KEY, ["*.example.org"])

    assert wrong(wildcard, names=["shop.example.org", "www.example.org"]) == []
    assert wrong(wildcard, names=["example.org", "a.b.example.org"]) == [
        "site_tls_certificate is for *.example.org, and not for example.org, a.b.example.org"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chain": "nothing"}, "site_tls_certificate is no certificate in PEM"),
        ({"key": "nothing"}, "site_tls_certificate_key is no private key in PEM"),
        ({"key": key_text(KEY, "secret")}, "site_tls_certificate_key is encrypted, and nginx would ask for its passphrase"),
        ({"key": key_text(OTHER_KEY)}, "site_tls_certificate_key is not the key of site_tls_certificate"),
        (
            {"chain": certificate(OTHER_KEY, NAMES) + GOOD},
            "site_tls_certificate begins with another certificate of the chain",
        ),
        (
            {"names": [*NAMES, "www.example.org"]},
            "site_tls_certificate is for 192.0.2.7, shop.example.org, and not for www.example.org",
        ),
        ({"chain": certificate(KEY, NAMES, -1)}, f"site_tls_certificate has ended on {NOW - timedelta(days=1):%Y-%m-%d}"),
        (
            {"chain": certificate(KEY, NAMES, 100)},
            f"site_tls_certificate is valid from {NOW + timedelta(days=10):%Y-%m-%d} only",
        ),
    ],
)
def test_a_certificate_that_will_not_do_is_refused(changes: dict[str, Any], message: str) -> None:
    assert wrong(**changes) == [message]


@pytest.fixture
def problems(tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]) -> Callable[..., list[str]]:
    """Return a function that says what the inventory check says of a single server with these variables."""

    def found(**variables: Any) -> list[str]:
        site = {
            "site_name": "shop",
            "site_domain": NAMES[0],
            "site_aliases": NAMES[1:],
            "site_source": "https://git.example.org/a.git",
        }
        hosts = "".join(f"[{tier}]\nweb1\n" for tier in ("lb", "app", "db"))
        seen = inventory_vars(
            tmp_path / "inventory",
            {"hosts": hosts, "group_vars/all.yml": yaml.safe_dump(site | {"site_tls_mode": "own"} | variables)},
        )
        seen["loader"].set_vault_secrets([("default", VaultSecret(b"vault"))])
        reader = InventoryReader(COLLECTION, seen["loader"], seen["groups"], seen["hostvars"])
        return check_inventory(reader.inventory(), reader.rules)

    return found


def test_the_inventory_check_reads_texts_and_files_also_in_a_vault(problems: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text(GOOD)
    vault = VaultLib([("default", VaultSecret(b"vault"))])
    (tmp_path / "key.pem").write_bytes(vault.encrypt(key_text(KEY).encode(), secret=VaultSecret(b"vault")))

    assert problems(site_tls_certificate=GOOD, site_tls_certificate_key=key_text(KEY)) == []
    files = {"site_tls_certificate": str(tmp_path / "chain.pem"), "site_tls_certificate_key": str(tmp_path / "key.pem")}
    assert problems(**files) == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "site_tls_certificate (web1): is not set, and site_tls_mode is own."),
        ({"site_tls_certificate": GOOD}, "site_tls_certificate_key (web1): is not set, and site_tls_mode is own."),
        ({"site_tls_certificate": "/no/such", "site_tls_certificate_key": "x"}, "site_tls_certificate (web1): can't be read"),
        (
            {"site_tls_certificate": GOOD, "site_tls_certificate_key": key_text(OTHER_KEY)},
            "is not the key of site_tls_certificate",
        ),
    ],
)
def test_the_inventory_check_names_one_problem(
    problems: Callable[..., list[str]], variables: dict[str, str], message: str
) -> None:
    [problem] = problems(**variables)

    assert message in problem
    assert "PRIVATE" not in problem


def test_nobody_looks_at_a_certificate_that_is_not_used(problems: Callable[..., list[str]]) -> None:
    assert problems(site_tls_mode="internal", site_tls_certificate="nothing") == []


def test_off_without_quotes_is_explained(problems: Callable[..., list[str]]) -> None:
    [problem] = problems(site_tls_mode=False)

    assert "false is a boolean, not text. Put it in quotes." in problem
