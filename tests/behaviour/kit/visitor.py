"""A visitor: speaks HTTP with the site from outside of its hosts."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import http.client
import itertools
import json
import os
import socket
import ssl
import struct
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

from tests.behaviour.kit.pace import at_pace

TIMEOUT_SECONDS = 20


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        body = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
        return body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            raise AssertionError(f"no JSON came: {self}") from None

    def __str__(self) -> str:
        return f"status {self.status}\n{self.headers}{self.text[:2000]}"


class Visitor:
    """Asks one address for one site. Each request has its own connection.

    By TLS, trusting one authority and no other; without an authority, by plain HTTP.
    """

    def __init__(self, address: str, domain: str, authority: Path | None = None, port: int = 0) -> None:
        self.address = address
        self.domain = domain
        self.authority = authority
        self.port = port or (443 if authority else 80)

    def connect(self, timeout: float = TIMEOUT_SECONDS) -> socket.socket:
        """A connection on which nothing has been said but the handshake: for what no client that keeps to the rules would say."""
        plain = socket.create_connection((self.address, self.port), at_pace(timeout))
        if not self.authority:
            return plain
        try:
            return ssl.create_default_context(cafile=self.authority).wrap_socket(plain, server_hostname=self.domain)
        except OSError:
            plain.close()
            raise

    def get(self, path: str = "/", **options: Any) -> Answer:
        return self.ask("GET", path, **options)

    def post(self, path: str = "/", form: Mapping[str, str] | None = None, **options: Any) -> Answer:
        body = urllib.parse.urlencode(form or {}).encode()
        return self.ask(
            "POST",
            path,
            body=body,
            headers={"Content-Type": "application/x-www-form-urlencoded"} | options.pop("headers", {}),
            **options,
        )

    def upload(self, path: str, form: Mapping[str, str], name: str, content: bytes) -> Answer:
        boundary = "a-boundary-that-no-file-holds"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in form.items()
        ]
        file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = "".join([*parts, file]).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self.ask("POST", path, body=body, headers={"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        claims: Iterable[tuple[str, str]] = (),
        host: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Answer:
        with self.connect(timeout) as connected:
            connection = http.client.HTTPConnection(self.address, self.port)
            connection.sock = connected
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": self.domain if host is None else host, "Connection": "close", **(headers or {})}.items():
                connection.putheader(name, value)
            for name, value in claims:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            # A server that refuses a body answers before it has read it.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                connection.send(body or b"")
            answer = connection.getresponse()
            return Answer(answer.status, answer.msg, answer.read())

    def say(self, text: bytes, seconds: float = 5) -> bytes:
        """Send these bytes on a connection of their own, and return all that comes until it is closed or silent for so long."""
        heard = b""
        with self.connect() as connection, contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLError):
            connection.settimeout(at_pace(seconds))
            connection.sendall(text)
            while more := connection.recv(65536):
                heard += more
        return heard

    def events(self, path: str) -> Iterator[str]:
        """Yield server-sent events as they come, until the answer ends."""
        asked = f"GET {path} HTTP/1.1\r\nHost: {self.domain}\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n"
        heard = b""
        with self.connect() as connection:
            connection.sendall(asked.encode())
            while more := connection.recv(65536):
                *whole, heard = (heard + more).split(b"\n\n")
                yield from (event.rpartition(b"data: ")[2].decode() for event in whole if b"data: " in event)

    def pauses_between_events(self, path: str) -> list[float]:
        """Return the seconds that pass between server-sent events."""
        return [after - before for before, after in itertools.pairwise(time.monotonic() for _event in self.events(path))]

    def is_dropped(self, host: str | None) -> bool:
        """Whether the connection is closed without a single byte of an answer; None sends no Host header at all."""
        with self.connect() as connection:
            header = "" if host is None else f"Host: {host}\r\n"
            connection.sendall(f"GET / HTTP/1.{0 if host is None else 1}\r\n{header}Connection: close\r\n\r\n".encode())
            with contextlib.suppress(ConnectionResetError, ssl.SSLError):
                return connection.recv(1) == b""
            return True

    @contextlib.contextmanager
    def web_socket(self, path: str) -> Iterator[WebSocket]:
        with self.connect() as connection:
            yield WebSocket(connection, path, self.domain)


class SocketClosedError(Exception):
    """The server has said that it closes a web socket, as RFC 6455 wants it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the web socket was closed with code {code}")
        self.code = code


class WebSocket:
    """Just enough of RFC 6455 to exchange short texts."""

    def __init__(self, connection: socket.socket, path: str, host: str) -> None:
        self._connection = connection
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.handshake = self._read_head()

    @property
    def is_open(self) -> bool:
        return self.handshake.startswith("HTTP/1.1 101")

    def send(self, text: str) -> None:
        content, mask = text.encode(), os.urandom(4)
        assert len(content) < 126, "this web socket sends short texts only"
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        self._connection.sendall(struct.pack("!BB", 0x81, 0x80 | len(content)) + mask + masked)

    def receive(self) -> str:
        kind, length = self._read(2)
        assert length < 126, "this web socket receives short texts only"
        content = self._read(length)
        if kind == 0x88:
            raise SocketClosedError(int.from_bytes(content[:2], "big"))
        return content.decode()

    def _read_head(self) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            byte = self._connection.recv(1)
            if not byte:
                break
            head += byte
        return head.decode("latin-1")

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self._connection.recv(count - len(content))
            assert more, "the web socket was closed"
            content += more
        return content
