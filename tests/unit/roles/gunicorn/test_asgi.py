"""How an ASGI worker ends: by the configuration that it runs with."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.conftest import render_template

CONFIGURATION = "srv/_site_/etc/gunicorn.conf.py.j2"
SHOP: dict[str, Any] = {"gunicorn_site_name": "shop", "gunicorn_workers": 2}


def configuration(interface: str, **told: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(render_template("gunicorn", CONFIGURATION, **SHOP, gunicorn_interface=interface, **told), names)  # noqa: S102 (our own program)
    return names


class Protocol:
    """A connection, by the name that gunicorn has for it."""

    def __init__(self) -> None:
        self.said = ""

    async def _handle_connection(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            self.said = "goodbye"


async def ended(names: dict[str, Any]) -> tuple[Protocol, bool]:
    protocol = Protocol()
    connection, other = asyncio.create_task(protocol._handle_connection()), asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0)
    await names["close_connections"](SimpleNamespace(alive=False))
    await asyncio.wait([connection], timeout=5)
    return protocol, other.cancelled() or other.cancelling() > 0


def test_open_web_sockets_hear_of_the_end_and_nothing_else_does() -> None:
    protocol, other_too = asyncio.run(ended(configuration("asgi", gunicorn_graceful_timeout_seconds=1)))
    assert protocol.said == "goodbye"
    assert not other_too


@pytest.mark.parametrize(("seconds", "worker", "closing"), [(30, 27, 26), (2, 1, 0)])
def test_a_worker_has_less_time_than_its_arbiter(seconds: int, worker: int, closing: int) -> None:
    text = render_template(
        "gunicorn", CONFIGURATION, **SHOP, gunicorn_interface="asgi", gunicorn_graceful_timeout_seconds=seconds
    )
    assert f"\ngraceful_timeout = {seconds}\n" in text
    assert f'worker.cfg.set("graceful_timeout", {worker})' in text
    assert f"asyncio.sleep({closing})" in text


def test_threads_are_said_where_a_worker_has_some() -> None:
    assert "threads" not in configuration("asgi")
    assert configuration("wsgi")["threads"] == 4
    assert "close_connections" not in configuration("wsgi")


def test_a_query_of_a_visitor_who_has_left_is_not_cut_off() -> None:
    assert configuration("asgi")["asgi_disconnect_grace_period"] >= 600
    assert "asgi_disconnect_grace_period" not in configuration("wsgi")


def wait_at(address: str, visitors: int) -> int:
    """Let so many visitors wait at a socket where nobody accepts them; return how many may."""
    may = 0
    with ExitStack() as stack:
        for _ in range(visitors):
            visitor = stack.enter_context(socket.socket(socket.AF_UNIX))
            visitor.setblocking(False)
            with suppress(BlockingIOError):
                visitor.connect(address)
                may += 1
    return may


def test_as_many_visitors_may_wait_as_are_told(tmp_path: Path) -> None:
    async def listen() -> int:
        loop = asyncio.get_running_loop()
        told = configuration("asgi", gunicorn_backlog=7)
        told["post_worker_init"](SimpleNamespace(alive=False, loop=loop, cfg=SimpleNamespace(set=lambda *_: None)))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "socket"))
            async with await loop.create_server(asyncio.Protocol, sock=listener):
                return wait_at(str(tmp_path / "socket"), 20)

    # The kernel lets one more wait than it is told.
    assert asyncio.run(listen()) == 8
