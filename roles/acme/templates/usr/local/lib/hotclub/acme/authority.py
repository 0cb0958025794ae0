"""Certbot asks an authority, and what the authority answered is told in one message."""

from __future__ import annotations

import calendar
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from failures import AcmeError
from memory import HOUR
from moments import minute
from settings import Settings, credential

SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

ANSWERS = re.compile(r"Received response:\nHTTP (\d+)\n((?:[^\n]+\n)*)\n([^\n]*(?:\n(?!\d{4}-\d\d-\d\d )[^\n]*)*)")
REPORTED = re.compile(r"Domain: +(\S+)\n +Type: +(\S+)\n +Detail: +([^\n]+)")
WAIT_UNTIL = re.compile(r"retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


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
    credentials = credential("dns")
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
            remedy = f"Its limits are reached. It is asked again on {minute(until)} at the earliest."
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
