"""Has a certificate issued and renewed by certbot, and puts it where the web server reads it.

Run as ``acme_certificate.py renew|install|look|hand SETTINGS``. ``renew`` needs no rights but those over its own folder:
it takes what another balancer of the site has, asks an authority when there is a reason to, and remembers what came of it.
``install`` runs as root: it proves what was issued, puts it in place in one step and reloads the web server. ``look`` asks
nobody, and prints JSON. ``hand`` gives another balancer, on the connection that is its standard input, what is served here.
"""

from __future__ import annotations

import calendar
import datetime
import fcntl
import hashlib
import http.client
import ipaddress
import json
import os
import re
import secrets
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
CHALLENGES = ".well-known/acme-challenge"
CHAIN, KEY, AUTHORITY = "fullchain.pem", "privkey.pem", "authority.pem"
# Chain, key and whose they are in one piece, for other balancers. Read by root alone, like the key.
OFFER = "offer.json"
OFFER_BYTES = 65536
# A program that is just reading the one before finishes.
KEPT_VERSIONS = 2
# A third of its life is left: with 90 days, a month in which a renewal may fail.
RENEWED_IN_THE_LAST = 3
# Each balancer after the first waits for so much of that third longer: with 90 days, for three days.
PATIENCE = 0.1
# Whatever the web server's own port is: an authority asks on this one alone.
PORT = 80
PROBE_SECONDS = 8
REDIRECTS = (301, 302, 303, 307, 308)
HOUR = 3600
# Public authorities stop listening after five failures of a name in an hour.
FAILURES_AN_HOUR = 4

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
ANSWERS = re.compile(r"Received response:\nHTTP (\d+)\n((?:[^\n]+\n)*)\n([^\n]*(?:\n(?!\d{4}-\d\d-\d\d )[^\n]*)*)")
REPORTED = re.compile(r"Domain: +(\S+)\n +Type: +(\S+)\n +Detail: +([^\n]+)")
WAIT_UNTIL = re.compile(r"retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


class AcmeError(Exception):
    """Why there is no new certificate, as one message with its remedy."""

    def __init__(self, message: str, kind: str, wait_until: float = 0.0) -> None:
        super().__init__(message)
        self.kind = kind
        self.wait_until = wait_until


@dataclass(frozen=True)
class Settings:
    """What the role has written down for a site."""

    site: str
    names: list[str]
    email: str
    directory: str
    authorities: str
    key_type: str
    challenge: str
    challenge_path: str
    dns_plugin: str
    dns_propagation_seconds: int
    reachability_check: bool
    certificate_path: str
    check_command: str
    reload_command: str
    state_path: str
    # The other balancers of the site, the name that all of them prove to one another, and how many ask before this one.
    peers: list[str] = field(default_factory=list)
    peer_port: int = 0
    peer_name: str = ""
    turn: int = 0

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Return what is in a file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    @property
    def state(self) -> Path:
        """The folder of everything that is remembered."""
        return Path(self.state_path)

    @property
    def issued(self) -> Path:
        """Where certbot leaves what was issued last."""
        return self.state / "certbot" / "live" / self.site

    @property
    def taken(self) -> Path:
        """Where there is what another balancer had, until this one has asked for its own."""
        return self.state / "taken"

    @property
    def newest(self) -> Path:
        """The folder of what is to be served."""
        return self.taken if self.taken.is_symlink() else self.issued

    @property
    def renewed_in_the_last(self) -> float:
        """For which part of a certificate's life this balancer looks for the next one."""
        return max(1 - PATIENCE * self.turn, 0.5) / RENEWED_IN_THE_LAST

    @property
    def hook(self) -> Path:
        """The script that puts a record into the DNS."""
        return Path("/etc/hotclub/acme") / f"{self.site}-dns-hook"

    @property
    def fingerprint(self) -> str:
        """A short text that changes with what the authority is asked, and how."""
        asked = [sorted(self.names), self.email, self.directory, self.challenge, self.dns_plugin]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain."""

    chain: str

    @classmethod
    def at(cls, path: Path) -> Certificate | None:
        """Return the one in a file, if there is one that can be read."""
        try:
            certificate = cls(path.read_text(encoding="ascii"))
            _ = certificate.parsed
        except (OSError, ValueError):
            return None
        return certificate

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


@dataclass
class Memory:
    """What was issued, and what failed."""

    path: Path
    issued: dict[str, Any]
    failure: dict[str, Any]
    # When the authority was asked in vain.
    attempts: list[float]

    @classmethod
    def at(cls, folder: Path) -> Memory:
        """Return what is remembered in a folder."""
        path = folder / "state.json"
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        return cls(path, known.get("issued", {}), known.get("failure", {}), known.get("attempts", []))

    def succeed(self, settings: Settings, now: float) -> None:
        """Remember that a certificate was issued."""
        self.issued = {"directory": settings.directory, "time": now}
        self.failure, self.attempts = {}, []
        self._write()

    def forget_failure(self) -> None:
        """Remember no failure any more, since nothing is missing."""
        if self.failure:
            self.failure = {}
            self._write()

    def fail(self, error: AcmeError, settings: Settings, now: float) -> None:
        """Remember what failed, and how long to wait."""
        same = self.failure.get("fingerprint") == settings.fingerprint
        recent = [moment for moment in self.attempts if same and now - moment < HOUR]
        self.attempts = [*recent, now] if error.kind in ("challenge", "refused") else recent
        wait = error.wait_until
        if len(self.attempts) >= FAILURES_AN_HOUR:
            wait = max(wait, self.attempts[-FAILURES_AN_HOUR] + HOUR)
        self.failure = {
            "kind": error.kind,
            "message": str(error),
            "time": now,
            "wait_until": wait,
            "fingerprint": settings.fingerprint,
        }
        self._write()

    def waits_until(self, settings: Settings, now: float) -> float:
        """Return until when the authority is left alone; 0 when it may be asked."""
        until = float(self.failure.get("wait_until", 0))
        return until if until > now and self.failure.get("fingerprint") == settings.fingerprint else 0.0

    def _write(self) -> None:
        beside = self.path.with_suffix(f".{secrets.token_hex(3)}")
        known = {"issued": self.issued, "failure": self.failure, "attempts": self.attempts}
        beside.write_text(json.dumps(known, indent=1), encoding="utf-8")
        os.replace(beside, self.path)


def reasons(settings: Settings, memory: Memory, now: float) -> Iterator[str]:
    """Yield why a certificate is to be issued."""
    there = Certificate.at(settings.newest / CHAIN)
    if there is None:
        yield "there is none yet"
        return
    if sorted(there.names) != sorted(settings.names):
        yield f"it is for {', '.join(sorted(there.names))}"
    if memory.issued.get("directory") != settings.directory:
        yield f"it is from {memory.issued.get('directory', 'elsewhere')}"
    if there.key_type != settings.key_type:
        yield f"its key is {there.key_type}"
    if there.ends - now < (there.ends - there.begins) * settings.renewed_in_the_last:
        yield f"it ends on {_day(there.ends)}"


def is_installed(settings: Settings) -> bool:
    """Say whether what was issued last is what the web server reads."""
    issued, read = Certificate.at(settings.newest / CHAIN), Certificate.at(Path(settings.certificate_path) / CHAIN)
    return issued is not None and issued == read


# Look.


def look(settings: Settings) -> dict[str, Any]:
    """Return how things are."""
    now = time.time()
    memory = Memory.at(settings.state)
    why = list(reasons(settings, memory, now))
    served = Certificate.at(Path(settings.certificate_path) / CHAIN)
    installed = is_installed(settings)
    return {
        "reasons": why,
        "installed": installed,
        "shared": bool(settings.peers),
        # Visitors are not warned: it is an authority's, for all names, and has time left.
        "good": bool(
            installed
            and served
            and served.ends > now
            and set(settings.names) <= set(served.names)
            and memory.issued.get("directory") == settings.directory
        ),
        "expires": _day(served.ends) if served else "",
        "failure": memory.failure.get("message", ""),
        "waits_until": _minute(until) if why and (until := memory.waits_until(settings, now)) else "",
    }


# Renew.


def renew(settings: Settings) -> None:
    """Have a certificate issued if there is a reason to."""
    now = time.time()
    asked_for = settings.state / "renew-now"
    with (settings.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ordered = asked_for.exists()
        if not ordered:
            take(settings, now)
        memory = Memory.at(settings.state)
        why = list(reasons(settings, memory, now)) or (["it was asked for"] if ordered else [])
        asked_for.unlink(missing_ok=True)
        if not why:
            memory.forget_failure()
            print("The certificate is as it should be.")
            return
        if until := memory.waits_until(settings, now):
            raise AcmeError(f"{memory.failure['message']}\nNothing is asked before {_minute(until)}.", memory.failure["kind"])
        print(f"A certificate for {', '.join(settings.names)} is asked for: {'; '.join(why)}.", flush=True)
        try:
            if settings.challenge == "http" and settings.reachability_check:
                refuse_unreachable(settings)
            ask(settings)
        except AcmeError as error:
            memory.fail(error, settings, time.time())
            raise
        settings.taken.unlink(missing_ok=True)
        memory.succeed(settings, time.time())
        print("It was issued.")


def take(settings: Settings, now: float) -> None:
    """Take the newest certificate that another balancer has, if it is newer than what is here and as it should be."""
    if not settings.peers:
        return
    with ThreadPoolExecutor(8) as pool:
        offers = [offer for offer in pool.map(lambda peer: offered(settings, peer), settings.peers) if offer]
    memory = Memory.at(settings.state)
    here = Certificate.at(settings.newest / CHAIN)
    wanted = (
        here is not None and sorted(here.names) == sorted(settings.names) and memory.issued.get("directory") == settings.directory
    )
    fit = [offer for offer in offers if fits(settings, offer, now)]
    newest = max(fit, key=lambda offer: Certificate(offer[CHAIN]).begins, default=None)
    if newest is None or (here and wanted and Certificate(newest[CHAIN]).begins <= here.begins):
        return
    versions = settings.state / "taken-versions"
    version = write_version(settings.state, {CHAIN: (newest[CHAIN], 0o644), KEY: (newest[KEY], 0o600)}, versions.name)
    point(settings.taken, f"{versions.name}/{version.name}")
    prune(versions, version.name)
    memory.succeed(settings, now)
    print(
        f"Another balancer of the site has one that is valid until {_day(Certificate(newest[CHAIN]).ends)}. It is taken.",
        flush=True,
    )


def fits(settings: Settings, offer: Mapping[str, str], now: float) -> bool:
    """Say whether what another balancer has is what this one would ask the authority for."""
    try:
        certificate = proven(settings, offer[CHAIN], offer[KEY], now)
    except (AcmeError, KeyError):
        return False
    asked = (sorted(settings.names), settings.key_type, settings.directory)
    return (sorted(certificate.names), certificate.key_type, offer.get("directory")) == asked


def offered(settings: Settings, peer: str) -> dict[str, str] | None:
    """Return what another balancer serves; nothing when it serves nothing of an authority's, or can't be reached."""
    try:
        context = _peer_context(ssl.PROTOCOL_TLS_CLIENT)
        with (
            socket.create_connection((peer, settings.peer_port), PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=settings.peer_name) as connection,
        ):
            told = b""
            while len(told) < OFFER_BYTES and (part := connection.recv(OFFER_BYTES)):
                told += part
        known = json.loads(told)
    except (OSError, ValueError) as error:
        # Not worth a failure: it may be down, or have none yet.
        print(f"The balancer {peer} has no certificate to give ({error}).", flush=True)
        return None
    return {str(name): str(value) for name, value in known.items()} if isinstance(known, Mapping) else None


def hand(settings: Settings) -> None:
    """Give what is served here to who is at the other end of standard input and proves to be a balancer of the site."""
    context = _peer_context(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    offer = _credential("offer").read_bytes()
    try:
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as plain:
            plain.settimeout(PROBE_SECONDS)
            with context.wrap_socket(plain, server_side=True) as connection:
                told = connection.getpeercert(binary_form=True) or b""
                [name] = x509.load_der_x509_certificate(told).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
                if name.value != settings.peer_name:
                    raise AcmeError(f"{name.value!s} is no balancer of {settings.site}.", "refused")
                connection.sendall(offer)
    except OSError as error:
        raise AcmeError(f"Who asked did not prove to be a balancer of {settings.site} ({error}).", "refused") from None


def _peer_context(protocol: int) -> ssl.SSLContext:
    """Return how balancers prove to one another that they are the site's, with certificates of its internal authority."""
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(_credential("peer-chain"), _credential("peer-key"))
    context.load_verify_locations(_credential("peer-authority"))
    return context


def _credential(name: str) -> Path:
    """Return where systemd has put a file for this service alone."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent")) / name


def refuse_unreachable(settings: Settings) -> None:
    """Ask for each name as the authority will, and stop where the answer isn't ours.

    :raises AcmeError: which names lead elsewhere.
    """
    folder = Path(settings.challenge_path) / CHALLENGES
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    probe = folder / f"hotclub-probe-{secrets.token_hex(8)}"
    probe.write_text(secrets.token_hex(16), encoding="ascii")
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda name: list(unreachable(name, probe)), settings.names))
    finally:
        probe.unlink()
    if lines := [line for lines in found for line in lines]:
        raise AcmeError(
            "The authority was not asked, since it could not reach every name of the site over http:\n"
            + "\n".join(f"- {line}" for line in lines)
            + "\nIf only this host can't reach them, though the Internet can, set acme_reachability_check_enabled: false.",
            "unreachable",
        )


def unreachable(name: str, probe: Path) -> Iterator[str]:
    """Yield what keeps an authority from reading a token under a name."""
    try:
        addresses = addresses_of(name)
    except OSError as error:
        yield f"{name} has no address ({error.strerror}). Add a DNS record that leads to the site's balancers."
        return
    answers = {address: answer_of(name, address, f"/{CHALLENGES}/{probe.name}") for address in addresses}
    reached = any(answer == probe.read_text(encoding="ascii") for answer in answers.values())
    for address, answer in answers.items():
        where = f"{name} leads to {address}"
        if isinstance(answer, OSError):
            # A host without IPv6 can't say whether the authority gets an answer over it.
            if reached and ipaddress.ip_address(address).version == 6 and "unreachable" in str(answer):
                continue
            why = answer.strerror or answer
            yield f"{where}, which doesn't answer on port 80 ({why}). Open the port, or correct the DNS record."
        elif answer != probe.read_text(encoding="ascii"):
            yield f"{where}, where something else answers. Let the DNS record lead to the site's balancers."


def addresses_of(name: str) -> list[str]:
    """Return the addresses that a name leads to."""
    found = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def answer_of(name: str, address: str, path: str) -> str | OSError:
    """Return what an address answers under a name, as an authority would get it; or why nothing came."""
    connection = http.client.HTTPConnection(address, PORT, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": name, "User-Agent": "hotclub-reachability"})
        answer = connection.getresponse()
        if answer.status in REDIRECTS:
            return _followed(answer.headers.get("Location", ""))
        return answer.read(256).decode("ascii", "replace").strip() if answer.status == 200 else f"status {answer.status}"
    except http.client.HTTPException as error:
        return f"no HTTP ({error})"
    except OSError as error:
        return error
    finally:
        connection.close()


def _followed(url: str) -> str:
    """Return what is where a redirection leads. As for an authority, the certificate there need not be valid."""
    if not url.startswith(("http://", "https://")):
        return f"redirection to {url}"
    anything = ssl.create_default_context()
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS, context=anything) as answer:  # noqa: S310 - one of two schemes
            text: str = answer.read(256).decode("ascii", "replace").strip()
            return text
    except (OSError, http.client.HTTPException) as error:
        return str(error)


def ask(settings: Settings) -> None:
    """Have a certificate issued, with a new account where the authority has forgotten the old one."""
    try:
        _ask(settings)
    except AcmeError as error:
        if error.kind != "forgotten":
            raise
        shutil.rmtree(settings.state / "certbot" / "accounts", ignore_errors=True)
        _ask(settings)


def _ask(settings: Settings) -> None:
    """Let certbot have a certificate issued.

    :raises AcmeError: what the authority said, or that it said nothing.
    """
    environment = {**os.environ, "HOME": settings.state_path}
    if settings.authorities:
        trusted = settings.state / "authorities.pem"
        parts = [path.read_text(encoding="ascii") for path in (SYSTEM_AUTHORITIES, Path(settings.authorities)) if path.exists()]
        trusted.write_text("\n".join(parts), encoding="ascii")
        environment["REQUESTS_CA_BUNDLE"] = str(trusted)
    answer = subprocess.run(certbot(settings), env=environment, capture_output=True, text=True, check=False)
    if answer.returncode:
        log = settings.state / "logs" / "letsencrypt.log"
        told = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise failure_of(settings, answer.stdout + answer.stderr, told, time.time())


def certbot(settings: Settings) -> list[str]:
    """Return the command that has a certificate issued."""
    return [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", "--force-renewal", "--renew-with-new-domains"),
        *("--config-dir", f"{settings.state}/certbot", "--work-dir", f"{settings.state}/work"),
        *("--logs-dir", f"{settings.state}/logs", "--max-log-backups", "20"),
        *("--server", settings.directory, "--key-type", settings.key_type, "--cert-name", settings.site),
        *(["--email", settings.email, "--no-eff-email"] if settings.email else ["--register-unsafely-without-email"]),
        *_authenticator(settings),
        *(word for name in settings.names for word in ("--domain", name)),
    ]


def _authenticator(settings: Settings) -> list[str]:
    """Return the options that say how the site proves that its names are its own."""
    credentials = _credential("dns")
    if settings.challenge == "http":
        return ["--authenticator", "webroot", "--webroot-path", settings.challenge_path]
    if settings.dns_plugin:
        plugin = f"dns-{settings.dns_plugin}"
        given = [f"--{plugin}-credentials", str(credentials)] if credentials.exists() else []
        return ["--authenticator", plugin, *given, f"--{plugin}-propagation-seconds", str(settings.dns_propagation_seconds)]
    hook = shlex.quote(str(settings.hook))
    return [
        *("--authenticator", "manual", "--preferred-challenges", "dns"),
        *("--manual-auth-hook", f"{hook} add && sleep {settings.dns_propagation_seconds}"),
        *("--manual-cleanup-hook", f"{hook} remove"),
    ]


def failure_of(settings: Settings, output: str, log: str, now: float) -> AcmeError:
    """Return what went wrong, from what certbot printed and what it logged of the authority's answers."""
    authority = f"The authority at {settings.directory}"
    if reported := REPORTED.findall(output):
        lines = "\n".join(f"- {name}: {detail} ({kind})" for name, kind, detail in reported)
        remedy = (
            "Let the DNS records of these names lead to the site's balancers, and port 80 be open to the world."
            if settings.challenge == "http"
            else "See that the DNS records which were added reach the name servers of these names, and how long that takes "
            "(acme_dns_propagation_seconds)."
        )
        return AcmeError(f"{authority} did not get the proof that the names are the site's:\n{lines}\n{remedy}", "challenge")
    refusals = [(int(status), headers, body) for status, headers, body in ANSWERS.findall(log) if int(status) >= 400]
    if refusals:
        status, headers, body = refusals[-1]
        problem, detail = _problem(body)
        if status == 429 or problem.endswith(":rateLimited"):
            until = _wait_until(headers, detail, now) or now + HOUR
            remedy = f"Its limits are reached. It is asked again on {_minute(until)} at the earliest."
            return AcmeError(f"{authority} was asked too often: {detail or status}\n{remedy}", "limited", until)
        if status >= 500:
            wait = _wait_until(headers, detail, now)
            return AcmeError(f"{authority} has a trouble of its own: {detail or status}\nTry again later.", "down", wait)
        remedy = "Correct the variable site_acme_* or the name that it speaks of."
        kind = "forgotten" if problem.endswith(":accountDoesNotExist") else "refused"
        return AcmeError(f"{authority} refuses: {detail or _last_lines(output)} ({problem or status})\n{remedy}", kind)
    if "CERTIFICATE_VERIFY_FAILED" in output:
        remedy = "For an authority of your own, name the file with its certificate in site_acme_ca_bundle_path."
        return AcmeError(f"{authority} can't be trusted: its own certificate is from an unknown issuer.\n{remedy}", "down")
    if re.search(r"Connection|timed out|Max retries|Name or service|resolve", output):
        remedy = "See whether it is up, and whether this host may reach it. The site keeps the certificate that it has."
        return AcmeError(f"{authority} doesn't answer.\n{_last_lines(output)}\n{remedy}", "down")
    return AcmeError(f"certbot failed:\n{_last_lines(output)}", "refused")


def _problem(body: str) -> tuple[str, str]:
    """Return the type and the detail of what an authority refused."""
    try:
        told = json.loads(body)
    except ValueError:
        return "", ""
    return (str(told.get("type", "")), str(told.get("detail", ""))) if isinstance(told, Mapping) else ("", "")


def _wait_until(headers: str, detail: str, now: float) -> float:
    """Return the moment before which the authority doesn't want to be asked; 0 when it names none."""
    named = re.search(r"(?im)^retry-after: *(.+?) *$", headers)
    if named and named[1].isdigit():
        return now + int(named[1])
    if named:
        try:
            return parsedate_to_datetime(named[1]).timestamp()
        except (TypeError, ValueError):
            pass
    if written := WAIT_UNTIL.search(detail):
        return float(calendar.timegm(time.strptime(written[1], "%Y-%m-%d %H:%M:%S")))
    return 0.0


def _last_lines(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(("Saving debug log", "Ask for help"))]
    return "\n".join(lines[-4:])


# Install.


def install(settings: Settings) -> None:
    """Put what was issued where the web server reads it, unless it is there.

    :raises AcmeError: it is not fit to be served, or the web server refuses it; the old one is in place.
    """
    folder = Path(settings.certificate_path)
    if is_installed(settings) and (folder / OFFER).exists():
        return
    chain, key = (_given(settings.newest / name) for name in (CHAIN, KEY))
    certificate = proven(settings, chain, key, time.time())
    offer = json.dumps({"directory": settings.directory, CHAIN: chain, KEY: key})
    files = {CHAIN: (chain, 0o644), AUTHORITY: (certificate.issuers, 0o644), KEY: (key, 0o600), OFFER: (offer, 0o600)}
    version = write_version(folder, files)
    before = os.readlink(folder / "current") if (folder / "current").is_symlink() else ""
    point(folder / "current", f"versions/{version.name}")
    for name in files:
        point(folder / name, f"current/{name}")
    checked = subprocess.run(shlex.split(settings.check_command), capture_output=True, text=True, check=False)
    if checked.returncode:
        if before:
            point(folder / "current", before)
        said = (checked.stdout + checked.stderr).strip()
        raise AcmeError(f"The new certificate was taken back: {settings.check_command} says\n{said}", "install")
    # Before the reload: what changes after it would look as if the web server had not read it.
    prune(folder / "versions", version.name)
    subprocess.run(shlex.split(settings.reload_command), check=True)
    print(f"It is served, and valid until {_day(certificate.ends)}.")


def _given(path: Path) -> str:
    """Return the text of a file that certbot wrote."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        raise AcmeError(f"{path} can't be read.", "install") from None


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
        raise AcmeError(f"What was issued has ended on {_day(ends)}.", "install")
    return certificate


def write_version(folder: Path, files: Mapping[str, tuple[str, int]], versions: str = "versions") -> Path:
    """Write a certificate with its key into a folder of its own."""
    version = folder / versions / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
    version.mkdir(mode=0o755, parents=True)
    for name, (content, mode) in files.items():
        with os.fdopen(os.open(version / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
    return version


def point(link: Path, target: str) -> None:
    """Let a link lead to a target in one step, whatever was there."""
    beside = link.with_name(f".{link.name}.{secrets.token_hex(3)}")
    beside.symlink_to(target)
    os.replace(beside, link)


def prune(versions: Path, newest: str) -> None:
    """Remove what nobody reads any more."""
    others = sorted((path for path in versions.iterdir() if path.name != newest), key=lambda path: path.name)
    for path in others[: max(len(others) - KEPT_VERSIONS + 1, 0)]:
        shutil.rmtree(path)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _minute(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))


def main(action: str, path: str) -> int:
    """Do what is asked, and say on one's way out why it failed."""
    settings = Settings.read(Path(path))
    try:
        if action == "look":
            print(json.dumps(look(settings)))
        elif action == "renew":
            renew(settings)
        elif action == "hand":
            hand(settings)
        else:
            install(settings)
    except AcmeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
