# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a certificate that an operator brings will do: it belongs to its key, is for the site's names, and is valid now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import canonical, names_of
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.cryptographic import (
    UnsupportedAlgorithm,
    serialization,
    x509,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

CERTIFICATE, KEY = "site_tls_certificate", "site_tls_certificate_key"
FROM_FILE = "Write its text in PEM, or the path of a file on this machine that has it."


def complaints(certificate: str, key: str, names: Iterable[str], now: datetime) -> Iterator[Complaint]:
    """Yield what is wrong with a certificate and its key. Nothing of the key is ever shown."""
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
    except ValueError:
        yield Complaint(CERTIFICATE, "is no certificate in PEM", FROM_FILE)
        return
    yield from _key_complaints(chain, key)
    yield from _name_complaints(chain[0], names)
    yield from _time_complaints(chain[0], now)


def _key_complaints(chain: list[x509.Certificate], key: str) -> Iterator[Complaint]:
    try:
        public = serialization.load_pem_private_key(key.encode(), None).public_key()
    except TypeError:
        remedy = "Decrypt it (openssl pkey -in … -out …), and encrypt the file or the text by ansible-vault instead."
        yield Complaint(KEY, "is encrypted, and nginx would ask for its passphrase", remedy)
        return
    except (ValueError, UnsupportedAlgorithm):
        yield Complaint(KEY, "is no private key in PEM", FROM_FILE)
        return
    if _same(chain[0].public_key(), public):
        return
    if any(_same(other.public_key(), public) for other in chain[1:]):
        yield Complaint(CERTIFICATE, "begins with another certificate of the chain", "Put the site's own certificate first.")
    else:
        remedy = f"Set {CERTIFICATE} and {KEY} to the two that belong together."
        yield Complaint(KEY, f"is not the key of {CERTIFICATE}", remedy)


def _same(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return one.public_bytes(*form) == other.public_bytes(*form)


def _name_complaints(certificate: x509.Certificate, names: Iterable[str]) -> Iterator[Complaint]:
    known = set(names_of(certificate))
    missing = [name for name in canonical(names) if name not in known and f"*.{name.partition('.')[2]}" not in known]
    if missing:
        has = ", ".join(sorted(known)) or "no name at all"
        remedy = "Have it issued for all names of the site, or take them out of site_aliases."
        yield Complaint(CERTIFICATE, f"is for {has}, and not for {', '.join(missing)}", remedy)


def _time_complaints(certificate: x509.Certificate, now: datetime) -> Iterator[Complaint]:
    if certificate.not_valid_after_utc <= now:
        yield Complaint(CERTIFICATE, f"has ended on {certificate.not_valid_after_utc:%Y-%m-%d}", "Have a new one issued.")
    elif certificate.not_valid_before_utc > now:
        remedy = "Wait until then, or look at this machine's clock."
        yield Complaint(CERTIFICATE, f"is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only", remedy)
