# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a visitor of one host gets, and how its balancer sees the application hosts."""

from __future__ import annotations

import http.client
import ssl
import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import systemctl
from ansible_collections.hotclub.django.plugins.module_utils.front import haproxy
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


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
