"""Run on a lab host: an ACME server that knows every account and refuses every order, since too much was asked of it.

    python3 stingy_authority.py CERTIFICATE KEY PORT

It counts what it was asked in orders.txt beside the certificate.
"""

from __future__ import annotations

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RETRY_AFTER_SECONDS = 7200
LIMIT = "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s"


class Stingy(BaseHTTPRequestHandler):
    """Speaks just enough of RFC 8555 to say no."""

    count: Path
    base: str

    def do_GET(self) -> None:
        paths = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke", "keyChange": "key"}
        self._answer(200, {name: f"{self.base}/{path}" for name, path in paths.items()})

    def do_HEAD(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/order":
            with self.count.open("a", encoding="ascii") as file:
                file.write("asked\n")
            problem = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": LIMIT, "status": 429}
            self._answer(429, problem, {"Retry-After": str(RETRY_AFTER_SECONDS)}, "application/problem+json")
        else:
            self._answer(201, {"status": "valid"}, {"Location": f"{self.base}/account/1"})

    def _answer(
        self, status: int, told: dict[str, object], headers: dict[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        content = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Replay-Nonce": "bm9uY2U",
            "Cache-Control": "no-store",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(certificate: str, key: str, port: str) -> None:
    Stingy.count = Path(certificate).with_name("orders.txt")
    Stingy.base = f"https://localhost:{port}"
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Stingy)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
