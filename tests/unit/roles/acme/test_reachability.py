"""Whether a name can be reached as an authority will."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.acme.client import (
    AcmeError,
    reachability,
)


class Web(BaseHTTPRequestHandler):
    """Serves the challenges, or sends whoever asks elsewhere first."""

    folder: Path
    status = 200
    moves = False

    def do_GET(self) -> None:
        if self.moves and not self.path.startswith("/moved"):
            self.send_response(301)
            self.send_header("Location", f"http://127.0.0.1:{reachability.PORT}/moved{self.path}")
            self.end_headers()
            return
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write((self.folder / self.path.removeprefix("/moved").lstrip("/")).read_bytes())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Web]]:
    """A web server on the only address that names lead to."""
    handler = type("Handler", (Web,), {"folder": Path(settings.challenge_path)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(reachability, "PORT", server.server_address[1])
    monkeypatch.setattr(reachability, "addresses_of", lambda _: ["127.0.0.1"])
    yield handler
    server.shutdown()
    server.server_close()


def test_names_that_lead_to_the_site_are_good(settings: Any, web: type[Web]) -> None:
    reachability.refuse_unreachable(settings)
    assert list(Path(settings.challenge_path).rglob("hotclub-probe-*")) == []


def test_names_may_be_sent_on_as_authorities_follow(settings: Any, web: type[Web]) -> None:
    web.moves = True
    reachability.refuse_unreachable(settings)


def test_each_name_that_leads_elsewhere_is_told(settings: Any, web: type[Web], monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str) -> list[str]:
        if name == "shop.example.org":
            raise socket.gaierror(-2, "Name or service not known")
        return ["127.0.0.1", "127.0.0.9"]

    monkeypatch.setattr(reachability, "addresses_of", resolve)
    with pytest.raises(AcmeError) as told:
        reachability.refuse_unreachable(settings)
    assert "- shop.example.org has no address (Name or service not known). Add a DNS record" in str(told.value)
    assert "- www.shop.example.org leads to 127.0.0.9, which doesn't answer on port 80 (Connection refused)" in str(told.value)
    assert "127.0.0.1" not in str(told.value) and told.value.kind == "unreachable"


def test_another_server_under_a_name_is_told(settings: Any, web: type[Web]) -> None:
    web.status = 404
    with pytest.raises(AcmeError, match=r"leads to 127\.0\.0\.1, where something else answers"):
        reachability.refuse_unreachable(settings)
