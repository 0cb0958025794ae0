"""A storage that speaks S3 over TLS, outside of the hosts, at the address of the lab's own network."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace

CERTIFICATE_ON_HOST = "/etc/ssl/certs/storage-of-the-tests.pem"
BUCKET = "backups"
SERVER = Path(__file__).with_name("s3_server.py")
START_SECONDS = 30
VALID = datetime.timedelta(days=1)


class Storage:
    """A storage with one bucket."""

    def __init__(self, address: str, port: int, folder: Path) -> None:
        self.address, self.port = address, port
        self.certificate, self.key = folder / "storage.pem", folder / "storage-key.pem"
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = _self_signed(address)
        self.certificate.write_text(certificate, encoding="ascii")
        self.key.write_text(key, encoding="ascii")
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def repository(self) -> dict[str, Any]:
        """It, as an inventory names it."""
        key = {"access_key_id": "backups", "secret_access_key": "the-secret-of-the-storage"}
        place = {"type": "s3", "endpoint": f"{self.address}:{self.port}", "bucket": BUCKET}
        return {**place, **key, "ca_path": CERTIFICATE_ON_HOST}

    def trusted_by(self, machine: Machine) -> None:
        """Bring its certificate to a host."""
        machine.run(f"cat > {CERTIFICATE_ON_HOST} <<'END'\n{self.certificate.read_text(encoding='ascii')}END")

    def start(self) -> None:
        words = ["-I", str(SERVER), str(self.port), str(self.certificate), str(self.key)]
        self._server = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + at_pace(START_SECONDS)
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((self.address, self.port), 2).close()
                return
            assert time.monotonic() < deadline, "the storage does not answer"
            time.sleep(0.2)

    def go_silent(self) -> None:
        self._tell(signal.SIGSTOP)

    def answer_again(self) -> None:
        self._tell(signal.SIGCONT)

    def stop(self) -> None:
        self.answer_again()
        self._tell(signal.SIGTERM)
        if self._server:
            self._server.wait()

    def _tell(self, sign: signal.Signals) -> None:
        if self._server:
            self._server.send_signal(sign)


def _self_signed(address: str) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "storage of the tests")])
    # pgBackRest compares names alone, boto3 addresses.
    names = [x509.DNSName(address), x509.IPAddress(ipaddress.ip_address(address))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode("ascii"), private.decode("ascii")
