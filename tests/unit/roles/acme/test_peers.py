"""Several balancers, of which one asks and all serve."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.roles.acme.client import (
    DAY,
    DIRECTORY,
    NOW,
    AcmeError,
    certificate,
    issue,
    renewal,
    serving,
)
from tests.unit.roles.acme.client import peers as others

PEER = "shop.balancers.internal"


@pytest.fixture
def accepted() -> list[str]:
    """As whom the other balancer accepts one that asks."""
    return [PEER]


@pytest.fixture
def peers(settings: Any, accepted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another balancer that has what is in the file `offer`, and knows the site's balancers by one authority."""
    chain, key = certificate([PEER], begins=time.time() - DAY, ends=time.time() + DAY)
    for name, content in {"peer-chain": chain, "peer-authority": chain, "peer-key": key}.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        shared = dataclasses.replace(settings, peers=["127.0.0.1"], peer_port=port, peer_name=PEER)

        def serve() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection, contextlib.suppress(OSError, AcmeError):
                    monkeypatch.setattr(sys, "stdin", connection)
                    others.hand(dataclasses.replace(shared, peer_name=accepted[0]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield shared
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def offer(tmp_path: Path, directory: str = DIRECTORY, **wanted: Any) -> str:
    """Let the other balancer have a certificate; return its chain."""
    chain, key = certificate(**wanted)
    (tmp_path / "offer").write_text(json.dumps({"directory": directory, "fullchain.pem": chain, "privkey.pem": key}))
    return chain


def test_what_another_balancer_has_is_taken_and_the_authority_not_asked(
    peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "ask", lambda settings: pytest.fail("the authority was asked"))
    monkeypatch.setattr(time, "time", lambda: NOW)
    chain = offer(tmp_path)
    renewal.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == chain
    serving.install(peers)
    served = Path(peers.certificate_path)
    assert (served / "fullchain.pem").read_text() == chain
    assert json.loads((served / "offer.json").read_text())["fullchain.pem"] == chain
    assert (served / "offer.json").stat().st_mode & 0o777 == 0o600
    assert renewal.look(peers)["good"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"names": ["shop.example.org"]},
        {"directory": "https://elsewhere.example.org"},
        {"ends": NOW - DAY},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"begins": NOW - 11 * DAY},
    ],
    ids=["other names", "another authority", "ended", "another type of key", "older"],
)
def test_what_is_no_better_is_not_taken(
    peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    mine, _ = issue(peers)
    offer(tmp_path, **wanted)
    renewal.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == mine
    newer = offer(tmp_path, begins=NOW - 9 * DAY)
    renewal.renew(peers)
    assert (peers.newest / "fullchain.pem").read_text() == newer


def test_a_balancer_asks_itself_where_no_other_has_one(peers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(settings: Any) -> None:
        asked.append(settings.site)
        issue(settings)

    monkeypatch.setattr(renewal, "ask", ask)
    monkeypatch.setattr(renewal, "refuse_unreachable", lambda settings: None)
    monkeypatch.setattr(time, "time", lambda: NOW)
    renewal.renew(peers)
    assert asked == ["shop"]
    # What it asked for itself is what counts from then on, also where it had another one's before.
    offer(tmp_path, begins=NOW - DAY)
    renewal.renew(peers)
    assert peers.newest == peers.taken
    (peers.state / "renew-now").touch()
    offer(tmp_path, begins=NOW)
    renewal.renew(peers)
    assert asked == ["shop", "shop"] and peers.newest == peers.issued


def test_nothing_is_handed_to_who_is_no_balancer_of_the_site(peers: Any, accepted: list[str], tmp_path: Path) -> None:
    offer(tmp_path)
    assert others.offered(peers, "127.0.0.1")
    # It has a certificate of the same authority, for something else.
    accepted[0] = "another.balancers.internal"
    assert others.offered(peers, "127.0.0.1") is None
    anybody = ssl.create_default_context(cafile=tmp_path / "peer-authority")
    with (
        socket.create_connection(("127.0.0.1", peers.peer_port), 5) as plain,
        anybody.wrap_socket(plain, server_hostname=PEER) as connection,
        pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
    ):
        connection.recv(1)
