"""The ACME client as it lies on a balancer, and certificates to try it with."""

from __future__ import annotations

import datetime
import sys
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tools.docs import CHECKOUT

# Python puts the folder of a program there as well.
sys.path.append(str(CHECKOUT / "roles/acme/templates/usr/local/lib/hotclub/acme"))

import authority
import certificates
import peers
import reachability
import renewal
import serving
from failures import AcmeError
from memory import Memory
from settings import Settings

__all__ = ["AcmeError", "Memory", "Settings", "authority", "certificates", "peers", "reachability", "renewal", "serving"]
DAY = 24 * 3600.0
NAMES = ["shop.example.org", "www.shop.example.org"]
DIRECTORY = "https://acme.example.org/directory"
NOW = 1_800_000_000.0


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


def issue(settings: Any, **wanted: Any) -> tuple[str, str]:
    """Leave a certificate where certbot would."""
    settings.issued.mkdir(parents=True, exist_ok=True)
    chain, key = certificate(**wanted)
    (settings.issued / "fullchain.pem").write_text(chain)
    (settings.issued / "privkey.pem").write_text(key)
    Memory.at(settings.state).succeed(settings, NOW)
    return chain, key


def reasons(settings: Any, now: float = NOW) -> list[str]:
    return list(renewal.reasons(settings, Memory.at(settings.state), now))
