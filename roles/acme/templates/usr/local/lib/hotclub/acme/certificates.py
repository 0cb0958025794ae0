"""A certificate with its chain, and whether a site can be served with it."""

from __future__ import annotations

import calendar
import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from failures import AcmeError
from moments import day
from settings import Settings

CHAIN, KEY, AUTHORITY = "fullchain.pem", "privkey.pem", "authority.pem"

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain."""

    chain: str

    @classmethod
    def at(cls, path: Path) -> Certificate | None:
        """Return the one in a file, if there is one that can be read."""
        try:
            certificate = cls(path.read_text(encoding="ascii"))
            return certificate if certificate.parsed else None
        except (OSError, ValueError):
            return None

    @property
    def parsed(self) -> x509.Certificate:
        """The first of the chain."""
        return x509.load_pem_x509_certificate(self.chain.encode())

    @property
    def names(self) -> list[str]:
        """The names that it is for."""
        try:
            extension = self.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return list(extension.value.get_values_for_type(x509.DNSName))

    @property
    def begins(self) -> float:
        """When it begins to be valid."""
        return _moment(self.parsed, "not_valid_before")

    @property
    def ends(self) -> float:
        """When it ends."""
        return _moment(self.parsed, "not_valid_after")

    @property
    def issuers(self) -> str:
        """The rest of the chain."""
        return "".join(CERTIFICATE.findall(self.chain)[1:])

    @property
    def key_type(self) -> str:
        """The type of its key, as certbot calls it."""
        return "ecdsa" if isinstance(self.parsed.public_key(), ec.EllipticCurvePublicKey) else "rsa"

    def fits(self, key: bytes) -> bool:
        """Say whether a private key belongs to it."""
        try:
            public = load_pem_private_key(key, password=None).public_key()
        except (ValueError, TypeError):
            return False
        return _public(public) == _public(self.parsed.public_key())


def _moment(certificate: x509.Certificate, name: str) -> float:
    """Return one of a certificate's two times, which older releases of the library give without their zone."""
    found: datetime.datetime = getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)
    return float(calendar.timegm(found.utctimetuple()))


def _public(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def proven(settings: Settings, chain: str, key: str, now: float) -> Certificate:
    """Return a certificate with which the site can be served.

    :raises AcmeError: why it can't.
    """
    certificate = Certificate(chain)
    try:
        ends, names = certificate.ends, certificate.names
    except ValueError:
        raise AcmeError("What was issued is no certificate.", "install") from None
    if not certificate.fits(key.encode()):
        raise AcmeError("The key of what was issued is another one.", "install")
    if missing := sorted(set(settings.names) - set(names)):
        raise AcmeError(f"What was issued is not for {', '.join(missing)}.", "install")
    if ends <= now:
        raise AcmeError(f"What was issued has ended on {day(ends)}.", "install")
    return certificate
