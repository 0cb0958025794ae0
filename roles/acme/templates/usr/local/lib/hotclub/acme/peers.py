"""The other balancers of a site: what they have is taken, and what is here is handed to them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from certificates import CHAIN, KEY, Certificate, proven
from cryptography import x509
from failures import AcmeError
from memory import Memory
from moments import day
from settings import Settings, credential
from versions import point, prune, write_version

OFFER_BYTES = 65536
ANSWER_SECONDS = 8


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
        f"Another balancer of the site has one that is valid until {day(Certificate(newest[CHAIN]).ends)}. It is taken.",
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
            socket.create_connection((peer, settings.peer_port), ANSWER_SECONDS) as plain,
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
    offer = credential("offer").read_bytes()
    try:
        with socket.socket(fileno=os.dup(sys.stdin.fileno())) as plain:
            plain.settimeout(ANSWER_SECONDS)
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
    context.load_cert_chain(credential("peer-chain"), credential("peer-key"))
    context.load_verify_locations(credential("peer-authority"))
    return context
