"""Whether an authority would reach every name of a site over http."""

from __future__ import annotations

import http.client
import ipaddress
import secrets
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failures import AcmeError
from settings import Settings

CHALLENGES = ".well-known/acme-challenge"
# Whatever the web server's own port is: an authority asks on this one alone.
PORT = 80
PROBE_SECONDS = 8
REDIRECTS = (301, 302, 303, 307, 308)


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
