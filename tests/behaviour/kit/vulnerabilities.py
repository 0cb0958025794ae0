"""A database of vulnerabilities, as OSV serves it, in which one version of one package is known.

    python3 vulnerabilities.py <address> <port> <package>

Needs nothing but Python, since it also runs on hosts under test.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

IDENTIFIER = "GHSA-test-test-test"
ALIAS = "CVE-2026-4711"
FIXED = "9999.1"


class Database(ThreadingHTTPServer):
    """Serves until it is shut down, and remembers what it was asked."""

    def __init__(self, address: str, port: int, package: str) -> None:
        super().__init__((address, port), Answers)
        self.package = package
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/"


class Answers(BaseHTTPRequestHandler):
    """The two questions that auditors ask."""

    server: Database

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.server.asked += [f"{query['package']['name']} {query['version']}" for query in queries]
        known = {"vulns": [{"id": IDENTIFIER, "modified": "2026-01-01T00:00:00Z"}]}
        self._say({"results": [known if query["package"]["name"] == self.server.package else {} for query in queries]})

    def do_GET(self) -> None:
        events = [{"introduced": "0"}, {"fixed": FIXED}]
        self._say(
            {
                "id": IDENTIFIER,
                "modified": "2026-01-01T00:00:00Z",
                "published": "2026-01-01T00:00:00Z",
                "aliases": [ALIAS],
                "summary": "Anybody may do anything",
                "affected": [
                    {
                        "package": {"name": self.server.package, "ecosystem": "PyPI"},
                        "ranges": [{"type": "ECOSYSTEM", "events": events}],
                    }
                ],
            }
        )

    def _say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    Database(sys.argv[1], int(sys.argv[2]), sys.argv[3]).serve_forever()
