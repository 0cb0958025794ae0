"""As much HTTP/1.1 as a load needs: one request at a time on a connection, never sent twice."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from collections.abc import Mapping

READ_LIMIT = 1 << 20


class AnswerError(Exception):
    """The other side closed too early, or sent something that is no HTTP."""


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes_connection(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    """One connection, with TLS where there is somebody to trust. Not for several requests at the same time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, port: int, trust: ssl.SSLContext | None = None, name: str = "") -> Connection:
        server = name if trust else None
        return cls(*await asyncio.open_connection(address, port, limit=READ_LIMIT, ssl=trust, server_hostname=server))

    @property
    def usable(self) -> bool:
        """False once the other side has closed: what every client checks before it takes a connection again."""
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def ask(self, request: bytes) -> Answer:
        self._writer.write(request)
        await self._writer.drain()
        status, headers = parse_head(await self._head())
        return Answer(status, headers, await self._body(status, headers))

    def close(self) -> None:
        self._writer.close()

    async def _head(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            received = f"after {len(error.partial)} bytes of the answer's head" if error.partial else "without an answer"
            raise AnswerError(f"connection closed {received}") from error

    async def _body(self, status: int, headers: Mapping[str, str]) -> bytes:
        try:
            if status in (204, 304):
                return b""
            if headers.get("transfer-encoding", "").lower() == "chunked":
                return await self._chunks()
            if "content-length" in headers:
                return await self._reader.readexactly(int(headers["content-length"]))
            return await self._reader.read()
        except asyncio.IncompleteReadError as error:
            raise AnswerError(f"connection closed after {len(error.partial)} bytes of the answer's body") from error

    async def _chunks(self) -> bytes:
        body = b""
        while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
        return body


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise AnswerError(f"not an HTTP answer: {lines[0][:80]!r}")
    pairs = (line.partition(":") for line in lines[1:] if line)
    return int(words[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def write_request(method: str, path: str, host: str, body: bytes = b"", keep: bool = True) -> bytes:
    head = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: constant-load",
        "Accept: application/json",
        f"Connection: {'keep-alive' if keep else 'close'}",
    ]
    if method == "POST":
        head += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
