"""Requests that two servers might read differently: what one takes for a body, the other might take for a second request."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

# Servers that wait for the rest of a request say nothing; the others answer sooner.
SILENCE_SECONDS = 3
AT_ONCE = 12
END = b"0\r\n\r\n"

# Makes an attempt of the request that is to be hidden in it.
Template = Callable[[bytes], bytes]


@dataclasses.dataclass(frozen=True)
class Attempt:
    """What is sent, with a request inside that would be stored under this id if anybody carried it out."""

    name: str
    text_id: str
    text: bytes


def attempts(site: Site) -> Iterator[Attempt]:
    """Yield every attempt on a site, each with an id of its own."""
    for name, template in _templates(site.domain, site.project.entries_path).items():
        text_id = uuid.uuid4().hex
        yield Attempt(name, text_id, template(_hidden(site.domain, site.project.entries_path, text_id)))


def carry_out(site: Site, attempt: Attempt) -> bytes:
    return site.visitor.say(attempt.text, SILENCE_SECONDS)


def try_all(site: Site, web_server: Machine) -> dict[str, str]:
    """Make every attempt while honest visitors ask, and return what got through, by the attempt's name."""
    made = list(attempts(site))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        heard = dict(zip([attempt.name for attempt in made], pool.map(lambda one: carry_out(site, one), made), strict=True))
        honest = [site.visitor.get("/version") for _ in range(40)]
    wrong = {f"an honest visitor, {place}": str(answer) for place, answer in enumerate(honest) if not _is_honest(answer.text)}
    stored = set(site.database.texts(f"SELECT text_id FROM {site.project.entries_table}"))
    # A second request of which the web server knows is no secret between the two.
    seen = _requests_seen(web_server, site)
    for attempt in made:
        if attempt.text_id in stored and attempt.text_id not in seen:
            wrong[attempt.name] = heard[attempt.name].decode("latin-1")[:500]
    return wrong


def _is_honest(text: str) -> bool:
    return "version" in text and "stored" not in text


def _requests_seen(web_server: Machine, site: Site) -> set[str]:
    """The ids of hidden requests that the web server has read as requests."""
    lines = web_server.run(f"grep hidden= /var/log/nginx/{site.name}.access.log || true").splitlines()
    return {json.loads(line)["uri"].partition("hidden=")[2] for line in lines}


def _hidden(domain: str, path: str, text_id: str) -> bytes:
    body = f"text_id={text_id}".encode()
    head = (
        f"POST {path}?hidden={text_id} HTTP/1.1\r\nHost: {domain}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _chunk(content: bytes, size: bytes = b"") -> bytes:
    return (size or f"{len(content):x}".encode()) + b"\r\n" + content + b"\r\n"


def _templates(domain: str, path: str) -> Mapping[str, Template]:
    def request(*headers: bytes, line: bytes = f"POST {path} HTTP/1.1".encode(), end: bytes = b"\r\n") -> bytes:
        return end.join([line, b"Host: " + domain.encode(), *headers, b"", b""])

    def length(count: int) -> bytes:
        return b"Content-Length: %d" % count

    chunked = b"Transfer-Encoding: chunked"

    def two_framings(*headers: bytes) -> Template:
        """The body ends at once by one header, and with the hidden request by another."""
        return lambda hidden: request(length(len(END + hidden)), *headers) + END + hidden

    def sized(size: bytes) -> Template:
        return lambda hidden: request(chunked) + _chunk(b"x" * 5, size) + END + hidden

    def long(value: bytes) -> Template:
        return lambda hidden: request(b"Content-Length: " + value) + b"hello" + hidden

    return {
        "CL.TE": two_framings(chunked),
        "TE.CL": lambda hidden: request(length(4), chunked) + _chunk(hidden) + END,
        "TE before CL": lambda hidden: request(chunked, length(len(END + hidden))) + END + hidden,
        "TE of another name": two_framings(b"Transfer-Encoding: xchunked"),
        "TE with a space before the colon": two_framings(b"Transfer-Encoding : chunked"),
        "TE after a tab": two_framings(b"Transfer-Encoding:\tchunked"),
        "TE after a line's beginning": two_framings(b" Transfer-Encoding: chunked"),
        "TE in quotes": two_framings(b'Transfer-Encoding: "chunked"'),
        "TE in capitals": two_framings(b"TRANSFER-ENCODING: CHUNKED"),
        "TE with a vertical tab": two_framings(b"Transfer-Encoding: \x0bchunked"),
        "TE twice, chunked last": two_framings(b"Transfer-Encoding: identity", chunked),
        "TE twice, chunked first": two_framings(chunked, b"Transfer-Encoding: identity"),
        "TE as a list": two_framings(b"Transfer-Encoding: chunked, identity"),
        "TE with an underscore": two_framings(b"Transfer_Encoding: chunked"),
        "TE on a folded line": two_framings(b"X-Folded: x\r\n Transfer-Encoding: chunked"),
        "TE with its value on a folded line": two_framings(b"Transfer-Encoding:\r\n chunked"),
        "TE after a bare line feed": two_framings(b"X-Bare: x\nTransfer-Encoding: chunked"),
        "TE after a bare carriage return": two_framings(b"X-Bare: x\rTransfer-Encoding: chunked"),
        "TE after a null byte": two_framings(b"X-Null: x\x00\r\nTransfer-Encoding: chunked"),
        "TE in HTTP/1.0": lambda hidden: (
            request(length(len(END + hidden)), chunked, line=f"POST {path} HTTP/1.0".encode()) + END + hidden
        ),
        "TE named by Connection": two_framings(b"Connection: Content-Length", chunked),
        "CL named by Connection": lambda hidden: request(b"Connection: Content-Length", length(len(hidden))) + hidden,
        "CL twice": lambda hidden: request(length(0), length(len(hidden))) + hidden,
        "CL twice, the other way": lambda hidden: request(length(len(hidden)), length(0)) + hidden,
        "CL as a list": lambda hidden: request(b"Content-Length: 0, %d" % len(hidden)) + hidden,
        "CL with a sign": long(b"+5"),
        "CL below zero": long(b"-5"),
        "CL in hexadecimal": long(b"0x5"),
        "CL with an underscore": long(b"0_5"),
        "CL as a fraction": long(b"5.0"),
        "CL that overflows": long(b"18446744073709551621"),
        "CL empty": long(b""),
        "CL with a null byte": long(b"5\x00"),
        "CL with a space before the colon": lambda hidden: request(b"Content-Length : %d" % len(hidden)) + hidden,
        "a chunk longer than said": lambda hidden: request(chunked) + _chunk(b"x" * 9, b"5") + END + hidden,
        "a chunk that overflows": sized(b"10000000000000005"),
        "a chunk with a sign": sized(b"+5"),
        "a chunk below zero": sized(b"-5"),
        "a chunk in hexadecimal": sized(b"0x5"),
        "a chunk with an underscore": sized(b"0_5"),
        "a chunk with an extension": sized(b"5;name=value"),
        "a chunk with a line feed in its extension": lambda hidden: (
            request(chunked) + b"5;\nxxxxx\r\n" + _chunk(b"0\r\n\r\n" + hidden) + END
        ),
        "a chunk with a carriage return in its extension": sized(b"5;\rname"),
        "chunks ended by line feeds": lambda hidden: request(chunked) + b"5\nhello\n0\n\n" + hidden,
        "a chunk without its end": lambda hidden: request(chunked) + b"5\r\nhello" + END + hidden,
        "a trailer that is a length": lambda hidden: (
            request(chunked) + _chunk(b"hello") + b"0\r\n" + length(len(hidden)) + b"\r\n\r\n" + hidden
        ),
        "headers ended by line feeds": lambda hidden: request(length(len(hidden)), end=b"\n") + hidden,
        "an answer before the body": lambda hidden: request(length(1 << 30)) + hidden,
        "an answer before the body, which was promised": lambda hidden: (
            request(length(len(hidden)), b"Expect: 100-continue", line=b"GET /no/such/page HTTP/1.1") + hidden
        ),
        "a strange expectation": lambda hidden: request(length(len(hidden)), b"Expect: x 100-continue") + hidden,
        "a file that is asked for with a body": lambda hidden: (
            request(length(len(hidden)), line=b"GET /static/none.css HTTP/1.1") + hidden
        ),
        "HTTP/0.9": lambda hidden: b"POST / \r\n" + hidden,
        "HTTP of another version": lambda hidden: request(length(0), line=f"POST {path} HTTP/1.9".encode()) + hidden,
        "two versions": lambda hidden: request(length(len(hidden)), line=f"POST {path} HTTP/1.1 HTTP/1.0".encode()) + hidden,
        "a web socket that is none": lambda hidden: (
            request(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 777", length(len(hidden))) + hidden
        ),
        "HTTP/2 in clear text": lambda hidden: (
            request(
                b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"Connection: Upgrade, HTTP2-Settings", length(0)
            )
            + hidden
        ),
        "a name with a line break": lambda hidden: request(
            length(0), line=b"GET /%0d%0a%0d%0a" + hidden.split(b"\r\n")[0].replace(b" ", b"%20") + b" HTTP/1.1"
        ),
    }
