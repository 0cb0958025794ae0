# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how a site does on one host."""

from __future__ import annotations

import glob
import http.client
import re
import shutil
import ssl
import time
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import properties, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.front import haproxy
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import failing_renewal
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import (
    interrupting,
    services_with_replaced_code,
    waiting,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools, is_brought, newer_known, patch_release
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import HEALTH, SITE, carry_out, health_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck, ask
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances, release_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter

MEBI = 1024 * 1024

SPEC: dict[str, Any] = {
    **SITE,
    **HEALTH,
    "tiers": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int", "default": 80},
    "tls_port": {"type": "int", "default": 0},
    "certificate_days": {"type": "int", "default": 14},
    "internal_certificates": {"type": "list", "elements": "str", "default": []},
    "database": {"type": "str", "required": True},
    "balanced_hosts": {"type": "list", "elements": "str", "default": []},
    "migrations": {"type": "bool", "default": False},
    "minimum_free_mb": {"type": "int", "default": 512},
    "updates": {"type": "bool", "default": False},
    "security_update_days": {"type": "int", "default": 14},
    "uv": {"type": "path", "default": "/opt/uv"},
    "python_path": {"type": "path", "default": "/opt/python"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, look)


def look(module: Call) -> dict[str, Any]:
    """Look at each tier of the host."""
    site, check, wanted = site_of(module), health_of(module), module.params
    status: dict[str, Any] = {"tiers": wanted["tiers"], "problems": [], "remarks": []}
    status["disk_free_mb"] = shutil.disk_usage(site.root if site.root.is_dir() else "/").free // MEBI
    if status["disk_free_mb"] < wanted["minimum_free_mb"]:
        status["problems"].append(f"only {status['disk_free_mb']} MiB of disk left")
    if "app" in wanted["tiers"]:
        look_at_app(site, check, wanted["migrations"], status)
    if "lb" in wanted["tiers"]:
        look_at_web_server(check, connection_to(check, wanted["port"], wanted["tls_port"]), status)
        if wanted["tls_port"]:
            look_at_certificate(check, wanted["tls_port"], wanted["certificate_days"], status)
            if failure := failing_renewal(site.name):
                status["problems"].append(f"the certificate is not renewed: {failure} See `journalctl -u {site.name}-acme`")
    look_at_internal_certificates(wanted["internal_certificates"], wanted["certificate_days"], status)
    if wanted["balanced_hosts"]:
        look_at_balancer(site, wanted["balanced_hosts"], status)
    if "db" in wanted["tiers"]:
        look_at_database(wanted["database"], status)
    if wanted["updates"]:
        look_at_updates(site, wanted["security_update_days"], status)
        if "app" in wanted["tiers"]:
            look_at_interpreter(site, Tools(wanted["uv"], wanted["python_path"], run, {}), wanted["python"], status)
    return {"changed": False, "status": status}


def look_at_app(site: Site, check: HealthCheck, migrations: bool, status: dict[str, Any]) -> None:
    """Say which release runs, since when, and how it answers."""
    current = site.current()
    described = site.describe(current) if current else {}
    status.update(release=current, commit=described.get("commit", "")[:12], version=described.get("version", ""))
    if not current:
        status["problems"].append("no release yet: run playbooks/site.yml")
        return
    instances = Instances(site, check)
    waiting, pointed = instances.waiting(), instances.pointed()
    running = [instance for instance in instances.running() if instance not in waiting]
    status["since"] = properties(instances.service(pointed), "ActiveEnterTimestamp").get("ActiveEnterTimestamp", "")
    status["app"] = "running" if running == [pointed] else "not running"
    if release_of(pointed) != current:
        status["problems"].append(f"traffic wakes {release_of(pointed)} instead of {current}: run playbooks/site.yml")
    if running != [pointed]:
        status["problems"].append(f"running: {', '.join(running) or 'nothing'}, expected {pointed}: run playbooks/site.yml")
    if waiting:
        status["problems"].append(
            f"{', '.join(waiting)} waits for its turn to serve: run playbooks/site.yml, unless somebody deploys"
        )
    if pointed in running:
        # Asked only where it runs: a question over its socket would wake it, and a look must change nothing.
        look_at_instance(site, check, pointed, status)
    if migrations:
        look_at_migrations(site, current, status)


def look_at_instance(site: Site, check: HealthCheck, pointed: str, status: dict[str, Any]) -> None:
    """Ask the instance that serves for an answer, past the web server."""
    try:
        status["health"] = ask(f"/run/{site.name}/{pointed}.sock", check, 10)
        if not check.accepts(status["health"]):
            status["problems"].append(f"the application answers {status['health']} to GET {check.path}")
    except OSError as error:
        status["health"] = None
        status["problems"].append(f"the application gives no answer ({error})")


def look_at_migrations(site: Site, current: str, status: dict[str, Any]) -> None:
    """Compare the migrations of the current release with the database."""
    try:
        interpreter = Interpreter(site, current)
        answer = interpreter.ask("migrations")
    except Trouble as error:
        status["problems"].append(error.cause)
        return
    if failure := answer.get("failed"):
        told = " ".join(redact(f"{failure['type']}: {failure['text']}", interpreter.hidden).split())
        status["problems"].append(f"the database can't be asked for its migrations ({told})")
        return
    status["pending_migrations"] = answer["pending"]
    if status.get("pending_migrations"):
        status["problems"].append(f"migrations pending: {', '.join(status['pending_migrations'])}")


def connection_to(check: HealthCheck, port: int, tls_port: int) -> http.client.HTTPConnection:
    """Return a way to ask the web server of this host."""
    return TlsConnection(check.host, tls_port) if tls_port else http.client.HTTPConnection("127.0.0.1", port, timeout=10)


class TlsConnection(http.client.HTTPConnection):
    """A connection to this host under a visitor's name for it. Whom to trust is the visitor's business."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=10)
        self.name = name

    def connect(self) -> None:
        """Shake hands."""
        super().connect()
        self.secured = indifferent().wrap_socket(self.sock, server_hostname=self.name)
        self.sock = self.secured

    def certificate(self) -> bytes:
        """Return what the other side has shown."""
        return self.secured.getpeercert(binary_form=True) or b""


def indifferent() -> ssl.SSLContext:
    """Return what takes any certificate, in order to look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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


def look_at_web_server(check: HealthCheck, connection: http.client.HTTPConnection, status: dict[str, Any]) -> None:
    """Ask the web server for the site, as a visitor would."""
    status["nginx"] = systemctl("is-active", "nginx.service").stdout.strip()
    if status["nginx"] != "active":
        status["problems"].append(f"nginx is {status['nginx']}: see `journalctl -u nginx`")
    started = time.monotonic()
    try:
        connection.request("GET", check.path, headers={"Host": check.host, "User-Agent": "hotclub-status"})
        status["http"] = connection.getresponse().status
        status["http_ms"] = round((time.monotonic() - started) * 1000)
        if not check.accepts(status["http"]):
            status["problems"].append(f"visitors get {status['http']} for GET {check.path}")
    except (OSError, http.client.HTTPException) as error:
        status["http"] = None
        status["problems"].append(f"visitors get no answer ({error})")
    finally:
        connection.close()


def look_at_balancer(site: Site, wanted: list[str], status: dict[str, Any]) -> None:
    """Ask HAProxy how it sees the application hosts."""
    try:
        found = haproxy.servers(haproxy.ask("show stat"), site.name)
    except Trouble as error:
        status["problems"].append(str(error))
        return
    status["balanced"] = {server.name: server.facts() for server in found}
    status["problems"] += haproxy.troubles(found, wanted, site.name)


def look_at_updates(site: Site, days_at_most: int, status: dict[str, Any]) -> None:
    """Say which upgrades wait and since when, and what still runs code that one has replaced."""
    if found := waiting(run):
        status["updates"] = found.facts()
        if found.security_days > days_at_most:
            names = ", ".join(found.security)
            status["problems"].append(
                f"upgrades for security wait, the first for {found.security_days} days ({names}): run playbooks/patch.yml"
            )
    if services := interrupting(services_with_replaced_code(), site.name):
        status["remarks"].append(f"{', '.join(services)} still runs code that an upgrade has replaced: run playbooks/patch.yml")


def look_at_interpreter(site: Site, tools: Tools, python: str, status: dict[str, Any]) -> None:
    """Say whether there is a newer patch release of an interpreter that uv has brought."""
    if known := newer_known(tools, python):
        status["remarks"].append(
            f"Python {patch_release(run, python)} was brought by uv, which knows {known}: run playbooks/patch.yml, "
            "then playbooks/deploy.yml"
        )
        return
    current = site.current()
    served = str(site.describe(current).get("python", "")) if current else ""
    here = patch_release(run, python) if served else ""
    if is_brought(tools, python) and here != served:
        status["remarks"].append(f"the release runs with Python {served}, and {here} is there: run playbooks/deploy.yml")


def look_at_database(database: str, status: dict[str, Any]) -> None:
    """Ask PostgreSQL for the size of the database and its connections."""
    query = "select pg_database_size(:'name'), (select count(*) from pg_stat_activity where datname = :'name')"
    try:
        told = run(["psql", "-XAt", "-F", " ", "-v", "ON_ERROR_STOP=1", "-v", f"name={database}"], user="postgres", stdin=query)
    except (Trouble, KeyError) as error:
        status.update(postgresql="missing")
        status["problems"].append(f"PostgreSQL is not installed ({error})")
        return
    status["postgresql"] = "running" if told.code == 0 else "failing"
    if told.code:
        status["problems"].append(f"PostgreSQL: {told.tail(1)}")
        return
    size, connections = told.stdout.split()
    status.update(database_mb=round(int(size) / MEBI, 1), database_connections=int(connections))
