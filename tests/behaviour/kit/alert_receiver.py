"""Run on a lab host: takes what is sent by HTTP, and writes each request to standard output as a line of JSON.

python3 alert_receiver.py PORT
"""

from __future__ import annotations

import http.server
import json
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        """Take a message."""
        self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        """Take a sign of life."""
        self._take({})

    def _take(self, said: dict[str, str]) -> None:
        print(json.dumps({"path": self.path, "title": said.get("title", ""), "text": said.get("message", "")}), flush=True)
        self.send_response(200)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing besides."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
