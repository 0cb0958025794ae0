# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the certificates of one host are good."""

from __future__ import annotations

import glob
import re
import ssl
import time
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.status.web_server import TlsConnection


def look_at_certificate(check: HealthCheck, port: int, days_at_least: int, status: dict[str, Any]) -> None:
    """Say how long the certificate is good that visitors are shown, and whether it is for the site."""
    connection = TlsConnection(check.host, port)
    try:
        connection.connect()
        shown = connection.certificate()
    except OSError as error:
        status["problems"].append(f"visitors are shown no certificate ({error})")
        return
    finally:
        connection.close()
    left, told = days_left(ssl.DER_cert_to_PEM_cert(shown), "-checkhost", check.host)
    if left is None:
        status["problems"].append("the certificate that visitors are shown can't be read")
        return
    status["certificate_days"] = left
    if left < days_at_least:
        status["problems"].append(
            f"the certificate that visitors are shown {end(left)}: run playbooks/site.yml, or bring a new one of your own"
        )
    if "does NOT match" in told:
        status["problems"].append(f"the certificate that visitors are shown is not for {check.host}: run playbooks/site.yml")


def look_at_internal_certificates(patterns: list[str], days_at_least: int, status: dict[str, Any]) -> None:
    """Say how long this host can prove itself to the others, as the first of its certificates to end has it."""
    found: list[int] = []
    for chain in sorted(path for pattern in patterns for path in glob.glob(f"{pattern}/fullchain.pem")):
        left, _names = days_left(Path(chain).read_text(encoding="ascii", errors="replace"))
        if left is None:
            status["problems"].append(f"{chain} can't be read: delete it and run playbooks/site.yml")
        else:
            found.append(left)
            if left < days_at_least:
                status["problems"].append(f"{chain}, shown to other hosts, {end(left)}: run playbooks/site.yml")
    if found:
        status["internal_certificate_days"] = min(found)


def days_left(chain: str, *more: str) -> tuple[int | None, str]:
    """Return for how many days a chain's first certificate is good, and what openssl tells besides; None when it is none.

    :param chain: in PEM.
    :param more: further options of ``openssl x509``.
    """
    told = run(["openssl", "x509", "-noout", "-enddate", *more], stdin=chain).stdout
    ends = re.search(r"^notAfter=(.*)$", told, re.MULTILINE)
    return (int((ssl.cert_time_to_seconds(ends[1]) - time.time()) // (24 * 3600)) if ends else None), told


def end(days: int) -> str:
    """Return when something ends, in words."""
    return "has ended" if days < 0 else f"ends in {days} days"
