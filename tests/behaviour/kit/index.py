"""A package index that asks for a password, and has what the public one has and one package more."""

from __future__ import annotations

import base64
import io
import re
import threading
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.machine import index_url

ACCOUNT, PASSWORD = "reader", "an-index-password-0815"
PUBLIC = "https://pypi.org/simple/"
PACKAGE = "house-style"
WHEEL = "house_style-1.0-py3-none-any.whl"
LINK = re.compile(r'(<a\s[^>]*href=")([^"]+)')


class PrivateIndex:
    """The index, as seen from a host that finds it at an address."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.refused = 0
        # What was asked for with the right password.
        self.asked: list[str] = []

    def url(self, password: str = PASSWORD) -> str:
        return f"http://{ACCOUNT}:{password}@{self.address}:{self.port}/simple/"

    def answer(self, path: str, authorization: str | None) -> tuple[int, str, bytes]:
        """Return status, type and content of the answer to a request."""
        right = base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
        if authorization != f"Basic {right}":
            self.refused += 1
            return 401, "text/plain", b"who are you?"
        self.asked.append(path)
        if path == f"/simple/{PACKAGE}/":
            return 200, "text/html", f'<!DOCTYPE html><a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
        if path == f"/files/{WHEEL}":
            return 200, "application/octet-stream", wheel()
        return public(path.removeprefix("/simple/"))


def public(name: str) -> tuple[int, str, bytes]:
    """Return the public index's page of a package, whose files anyone gets."""
    page = urllib.parse.urljoin(index_url().rstrip("/") + "/" if index_url() else PUBLIC, name)
    try:
        with urllib.request.urlopen(page, timeout=30) as came:
            text = came.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, "text/plain", b""
    return 200, "text/html", LINK.sub(lambda link: link[1] + urllib.parse.urljoin(page, link[2]), text).encode()


def wheel() -> bytes:
    """Return the package that the public index doesn't have."""
    info = "house_style-1.0.dist-info"
    files = {
        "house_style.py": "MARGIN = 3\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: a-test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return packed.getvalue()


@contextmanager
def private_index(address: str) -> Iterator[PrivateIndex]:
    """Serve the index to lab hosts, which find this machine at an address."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_content=False)

        def do_GET(self) -> None:
            self.answer(with_content=True)

        def answer(self, with_content: bool) -> None:
            status, kind, content = index.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if with_content:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((address, 0), Handler) as server:
        index = PrivateIndex(address, server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()
