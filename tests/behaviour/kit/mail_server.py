"""Run on a lab host: takes mail by SMTP from whoever brings it, and writes each message to standard output.

python3 mail_server.py PORT
"""

from __future__ import annotations

import socketserver
import sys


class Mail(socketserver.StreamRequestHandler):
    """Speaks just enough of RFC 5321 to be given a message."""

    def handle(self) -> None:
        self._say("220 mail.example")
        while word := self.rfile.readline().split(b" ")[0].strip().upper():
            if word == b"QUIT":
                self._say("221 bye")
                return
            if word == b"DATA":
                self._say("354 go ahead")
                self._take()
            self._say("250 ok")

    def _take(self) -> None:
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            sys.stdout.write(line.decode("utf-8", "replace"))
        sys.stdout.flush()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


if __name__ == "__main__":
    socketserver.TCPServer.allow_reuse_address = True
    socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), Mail).serve_forever()
