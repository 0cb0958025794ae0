# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An authority of our own in a folder of the controller: made once, asked for certificates, trusted by our hosts alone."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.cryptographic import (
    InvalidSignature,
    NameOID,
    ec,
    hashes,
    serialization,
    x509,
)

CERTIFICATE, KEY = "authority.crt", "authority.key"
LIFETIME = timedelta(days=3650)
# Hosts whose clocks are a little behind accept a new certificate at once.
BACKDATED = timedelta(hours=1)
LONGEST_COMMON_NAME = 64
# As RFC 5280 numbers them.
USAGES = {"server": "1.3.6.1.5.5.7.3.1", "client": "1.3.6.1.5.5.7.3.2"}


@dataclass(frozen=True)
class Wanted:
    """A certificate as a task describes it."""

    names: tuple[str, ...]
    common_name: str = ""
    usages: tuple[str, ...] = ("server",)
    days: int = 90
    renew_before_days: int = 30
    only_missing: bool = False

    @property
    def subject(self) -> str:
        """The common name: none where only names of hosts are, and these are too long."""
        name = self.common_name or next(iter(canonical(self.names)), "")
        return name if self.common_name or len(name) <= LONGEST_COMMON_NAME else ""


@dataclass(frozen=True)
class Authority:
    """The certificate that signs, and all that peers are to trust."""

    folder: Path
    certificate: x509.Certificate
    trusted: str

    def signed(self, certificate: x509.Certificate) -> bool:
        """Say whether a certificate is one of this authority's."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def sign(self, request: str, wanted: Wanted, passphrase: str, now: datetime) -> str:
        """Return a certificate for the key of a request. Of the request nothing but the key counts."""
        asked = x509.load_pem_x509_csr(request.encode())
        if not asked.is_signature_valid:
            raise Trouble("A host asked for a certificate of a key that it doesn't hold.")
        key = self._key(passphrase)
        purposes = [x509.ObjectIdentifier(USAGES[usage]) for usage in sorted(wanted.usages)]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_subject(wanted.subject))
            .issuer_name(self.certificate.subject)
            .public_key(asked.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(min(now + timedelta(days=wanted.days), self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(asked.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        if wanted.names:
            names = x509.SubjectAlternativeName(general_names(wanted.names))
            certificate = certificate.add_extension(names, critical=not wanted.subject)
        return _pem(certificate.sign(key, hashes.SHA256()))

    def _key(self, passphrase: str) -> ec.EllipticCurvePrivateKey:
        file = self.folder / KEY
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), passphrase.encode() or None)
        except (OSError, ValueError, TypeError) as error:
            raise Trouble(
                f"The internal authority's key {file} can't be read with its passphrase: {error}\n"
                f"Restore the key and the passphrase that belong to {self.folder / CERTIFICATE}. If they are lost, move "
                f"{self.folder} away and run site with -e secrets_new=true: a new authority is made, every certificate is issued "
                "anew, and whoever trusts the old one must trust the new one."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != self.certificate.public_key():
            raise Trouble(f"The key {file} is not that of {self.folder / CERTIFICATE}. Restore the two that belong together.")
        return key


def read(folder: Path) -> Authority | None:
    """Return the authority that is in a folder, if there is one."""
    file = folder / CERTIFICATE
    if not file.is_file():
        return None
    trusted = file.read_text(encoding="ascii", errors="replace")
    try:
        certificates = x509.load_pem_x509_certificates(trusted.encode())
    except ValueError as error:
        raise Trouble(
            f"{file} is no certificate: {error}. Restore it, or move {folder} away and run site with -e secrets_new=true "
            "to have a new authority."
        ) from error
    return Authority(folder, certificates[0], trusted)


def ensure(folder: Path, name: str, passphrase: str, now: datetime) -> Authority:
    """Return the authority in a folder, made there when there is none. Hosts that ask at the same time get the same one."""
    if not passphrase:
        raise Trouble("The internal authority has no passphrase for its key. Set authority_passphrase.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder):
        return read(folder) or _make(folder, name, passphrase, now)


def _make(folder: Path, name: str, passphrase: str, now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name[:LONGEST_COMMON_NAME])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        # It signs certificates of hosts, and no further authorities.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    # The certificate last: with it, the authority is complete.
    put(folder / KEY, encrypted, 0o600)
    put(folder / CERTIFICATE, _pem(certificate).encode(), 0o644)
    return Authority(folder, certificate, _pem(certificate))


def reasons_to_issue(
    chain: str, key_fits: bool, trusted: str, wanted: Wanted, authority: Authority | None, now: datetime
) -> list[str]:
    """Return why a host needs a new certificate; nothing when it doesn't.

    :param chain: the certificate that the host has, with what follows it; empty when it has none.
    :param key_fits: whether the host holds that certificate's key.
    :param trusted: the certificates that the host verifies its peers with.
    :param authority: the authority; None while it is still to be made.
    """
    if not chain.strip():
        return ["there is none"]
    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        return ["what is there is no certificate"]
    if not key_fits:
        return ["its key is not on the host"]
    if wanted.only_missing:
        return [_ended(certificate)] if certificate.not_valid_after_utc <= now else []
    return [reason for reason in _differences(certificate, trusted, wanted, authority, now) if reason]


def _differences(
    certificate: x509.Certificate, trusted: str, wanted: Wanted, authority: Authority | None, now: datetime
) -> Iterator[str]:
    if not authority or not authority.signed(certificate):
        yield "another authority has issued it"
    elif trusted != authority.trusted:
        yield "other authorities are trusted now"
    if set(names_of(certificate)) != set(canonical(wanted.names)):
        yield f"it is for {listed(names_of(certificate))}, not for {listed(canonical(wanted.names))}"
    if wanted.common_name and common_name(certificate) != wanted.common_name:
        yield f"its subject is {common_name(certificate) or 'empty'}, not {wanted.common_name}"
    if usages_of(certificate) != set(wanted.usages):
        yield f"its purpose is {listed(usages_of(certificate))}, not {listed(wanted.usages)}"
    if certificate.not_valid_after_utc <= now + timedelta(days=wanted.renew_before_days):
        yield _ended(certificate)


def _ended(certificate: x509.Certificate) -> str:
    return f"it ends on {certificate.not_valid_after_utc:%Y-%m-%d}"


def described(chain: str) -> str:
    """Return what a person may want to know of a certificate, for a diff."""
    if not chain.strip():
        return ""
    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    except ValueError:
        return "(no certificate)\n"
    return (
        f"names: {listed(names_of(certificate))}\n"
        f"subject: {common_name(certificate) or '(empty)'}\n"
        f"purpose: {listed(usages_of(certificate))}\n"
        f"issuer: {certificate.issuer.rfc4514_string()}\n"
        f"valid until: {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC\n"
        f"serial number: {certificate.serial_number:x}\n"
    )


def described_plan(wanted: Wanted, authority_name: str, now: datetime) -> str:
    """Return the same of a certificate that is still to be issued."""
    return (
        f"names: {listed(canonical(wanted.names))}\n"
        f"subject: {wanted.subject or '(empty)'}\n"
        f"purpose: {listed(wanted.usages)}\n"
        f"issuer: {authority_name}\n"
        f"valid until: {now + timedelta(days=wanted.days):%Y-%m-%d %H:%M} UTC\n"
        "serial number: (new)\n"
    )


def general_names(names: Iterable[str]) -> list[x509.DNSName | x509.IPAddress]:
    """Return names and addresses as a certificate holds them."""
    return [_general_name(name) for name in canonical(names)]


def canonical(names: Iterable[str]) -> list[str]:
    """Return names and addresses in the one way of writing each, without repetition."""
    return list(dict.fromkeys(_canonical(name) for name in names))


def _canonical(name: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.strip("[]")))
    try:
        return name.lower() if name.isascii() else name.lower().encode("idna").decode()
    except UnicodeError as error:
        raise Trouble(f"{name!r} can't be in a certificate: it is neither a host's name nor an address.") from error


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return canonical([*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)])


def usages_of(certificate: x509.Certificate) -> set[str]:
    """Return what a certificate may be used for."""
    try:
        allowed = {oid.dotted_string for oid in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value}
    except x509.ExtensionNotFound:
        return set()
    return {usage for usage, identifier in USAGES.items() if identifier in allowed}


def common_name(certificate: x509.Certificate) -> str:
    """Return the common name of a certificate's subject; empty when it has none."""
    return next((str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def listed(names: Iterable[str]) -> str:
    """Return names in an order of their own, as text."""
    return ", ".join(sorted(names)) or "nothing"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _key_usage(**allowed: bool) -> x509.KeyUsage:
    everything = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{usage: allowed.get(usage, False) for usage in everything})


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
