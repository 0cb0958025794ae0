"""An ACME authority on a lab host, with name servers that say what a test wants: pebble, which Debian packages."""

from __future__ import annotations

import datetime
import ipaddress
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace

FOLDER = "/opt/pebble"
STINGY = Path(__file__).with_name("stingy_authority.py")
MARK = "# for the authority of a test"
# To which the host has no way, so that the authority needn't wait to find out.
NOWHERE = "192.0.2.1"


class Authority:
    """Pebble on one host, which asks the site for proofs over the lab's network as a public authority would."""

    directory = "https://localhost:14000/dir"
    stingy_directory = "https://localhost:14001/dir"

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.own_certificate = folder / f"pebble-{machine.name}.pem"

    def install(self, address: str) -> None:
        """Bring it to the host, and start it with name servers for which every name has this address."""
        certificate, key = _self_signed()
        self.own_certificate.parent.mkdir(parents=True, exist_ok=True)
        self.own_certificate.write_text(certificate, encoding="ascii")
        files = {
            "cert.pem": certificate,
            "key.pem": key,
            "stingy.py": STINGY.read_text(encoding="utf-8"),
            "config.json": json.dumps(
                {
                    "pebble": {
                        "listenAddress": "127.0.0.1:14000",
                        "managementListenAddress": "127.0.0.1:15000",
                        "certificate": f"{FOLDER}/cert.pem",
                        "privateKey": f"{FOLDER}/key.pem",
                        "httpPort": 80,
                        "tlsPort": 443,
                        "ocspResponderURL": "",
                        "externalAccountBindingRequired": False,
                    }
                }
            ),
        }
        written = "\n".join(f"cat > {FOLDER}/{name} <<'END'\n{content}\nEND" for name, content in files.items())
        bring = "apt-get -qq update && apt-get -qq install -y --no-install-recommends pebble"
        self.machine.run(f"command -v pebble || {{ {bring}; }} >/dev/null 2>&1\nmkdir -p {FOLDER}\n{written}")
        self.machine.run(f"ip route replace unreachable {NOWHERE}")
        self._run("names", f"pebble-challtestsrv -defaultIPv4 {address} -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 ''")
        self.start()

    def remove(self) -> None:
        for unit in ("names", "issuer", "stingy"):
            self._stop(unit)
        # A restart of the host has removed the route already.
        self.machine.run(f"rm -rf {FOLDER}; ip route del unreachable {NOWHERE} 2>/dev/null || true")
        self.forget_names()

    def start(self) -> None:
        self._run(
            "issuer",
            f"pebble -config {FOLDER}/config.json -dnsserver 127.0.0.1:8053",
            # Every name is to be proven again each time.
            "--setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 --setenv=PEBBLE_AUTHZREUSE=0",
        )
        self._await(14000)

    def stop(self) -> None:
        self._stop("issuer")

    def start_stingy(self) -> None:
        """Start one that refuses every order, since too much was asked of it."""
        self._run("stingy", f"python3 {FOLDER}/stingy.py {FOLDER}/cert.pem {FOLDER}/key.pem 14001")
        self._await(14001)

    def lead(self, name: str, address: str) -> None:
        """Let the authority's name servers say another address for a name."""
        self._tell("add-a", {"host": f"{name}.", "addresses": [address]})

    def lead_back(self, name: str) -> None:
        self._tell("clear-a", {"host": f"{name}."})

    def know_names(self, names: list[str], address: str) -> None:
        """Let the host itself find the names."""
        self.forget_names()
        self.machine.run(f"echo '{address} {' '.join(names)} {MARK}' >> /etc/hosts")

    def forget_names(self) -> None:
        # The file is the container's mount, so that it can't be replaced.
        self.machine.run(f"kept=$(grep -v '{MARK}' /etc/hosts); echo \"$kept\" > /etc/hosts")

    def issuers(self) -> str:
        """The certificates with which it signs, new at each start."""
        asked = (f"https://127.0.0.1:15000/{what}/0" for what in ("roots", "intermediates"))
        return self.machine.run(f"python3 - {' '.join(asked)} <<'END'\n{FETCH}\nEND")

    def orders(self) -> int:
        """How often the stingy one was asked."""
        return int(self.machine.run(f"wc -l < {FOLDER}/orders.txt"))

    def _tell(self, what: str, message: dict[str, Any]) -> None:
        self.machine.run(f"python3 - <<'END'\n{TELL.format(what=what, message=json.dumps(message))}\nEND")

    def _run(self, unit: str, command: str, options: str = "") -> None:
        self._stop(unit)
        self.machine.run(f"systemd-run -q --unit=pebble-{unit} {options} {command}")

    def _stop(self, unit: str) -> None:
        self.machine.run(f"systemctl stop pebble-{unit} 2>/dev/null; systemctl reset-failed pebble-{unit} 2>/dev/null; true")

    def _await(self, port: int) -> None:
        self.machine.run(
            f"for i in $(seq {at_pace(100):.0f}); do (: < /dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit; sleep 0.1; done; exit 1"
        )


TELL = """
import urllib.request
urllib.request.urlopen("http://127.0.0.1:8055/{what}", b'{message}')
"""


FETCH = """
import ssl, sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, context=ssl._create_unverified_context()).read().decode())
"""


def _self_signed() -> tuple[str, str]:
    """A certificate for the authority's own web server, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()
