"""What the templates of the keepalived role become."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.network import check_virtual_addresses

SITE = "etc/keepalived/sites/_site_.conf.j2"
SHOP: dict[str, Any] = {
    "keepalived_site_name": "shop",
    "keepalived_addresses": ["10.0.0.100/24"],
    "keepalived_address": "10.0.0.10",
    "keepalived_peers": ["10.0.0.11", "10.0.0.12"],
    "keepalived_interface": "eth0",
}

Render = Callable[..., str]


@pytest.fixture
def page(render: Render) -> Render:
    """Return a function that renders the file of the shop, with changes."""
    return lambda **changes: render("keepalived", SITE, **(SHOP | changes))


@pytest.mark.parametrize(
    ("address", "number"),
    [("10.0.0.100/24", 101), ("10.0.0.254/24", 255), ("10.0.0.1/24", 2), ("2001:db8::1f/64", 32), ("2001:db8::ffff/64", 1)],
)
def test_sites_with_different_addresses_have_different_router_ids(page: Render, address: str, number: int) -> None:
    assert f"    virtual_router_id {number}\n" in page(keepalived_addresses=[address, "10.0.0.7/24"])


def test_seconds_are_written_from_milliseconds(page: Render) -> None:
    assert "    advert_int 0.3\n" in page()
    assert "    advert_int 1.0\n" in page(keepalived_advert_interval_ms="1000")


@pytest.fixture
def blocks(page: Render) -> Callable[..., dict[str, list[str]]]:
    """Return a function that reads the lists of the file of the shop, with changes."""

    def read(**changes: Any) -> dict[str, list[str]]:
        found = re.findall(r"^    (\w+) \{\n(.*?)^    \}", page(**changes), re.MULTILINE | re.DOTALL)
        return {name: [line.strip() for line in lines.splitlines()] for name, lines in found}

    return read


def test_peers_and_addresses_stand_one_a_line(blocks: Callable[..., dict[str, list[str]]]) -> None:
    assert blocks()["unicast_peer"] == ["10.0.0.11", "10.0.0.12"]
    assert blocks()["virtual_ipaddress"] == ["10.0.0.100/24"]
    assert blocks()["virtual_ipaddress_excluded"] == []


@pytest.mark.parametrize(("address", "itself"), [("10.0.0.10", "127.0.0.1"), ("fd00::10", "::1")])
def test_a_single_balancer_is_its_own_peer(blocks: Callable[..., dict[str, list[str]]], address: str, itself: str) -> None:
    assert blocks(keepalived_peers=[], keepalived_address=address)["unicast_peer"] == [itself]


@pytest.mark.parametrize(("address", "old_is_told"), [("10.0.0.10", True), ("fd00::10", False)])
def test_adverts_name_the_addresses_of_their_own_family_and_none_of_ipv6_is_a_source(
    blocks: Callable[..., dict[str, list[str]]], address: str, old_is_told: bool
) -> None:
    found = blocks(keepalived_addresses=["10.0.0.100/24", "2001:db8::1/64"], keepalived_address=address)

    told, silent = found["virtual_ipaddress"], found["virtual_ipaddress_excluded"]
    assert (told if old_is_told else silent) == ["10.0.0.100/24"]
    assert (silent if old_is_told else told) == ["2001:db8::1/64 preferred_lft 0"]


def test_the_question_begins_as_the_web_server_expects(page: Render) -> None:
    assert 'balancer-health 80"' in page()
    assert 'balancer-health 80 proxy"' in page(keepalived_health_proxy_protocol_enabled=True)


@pytest.mark.parametrize(
    ("answer", "words", "heard", "well"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", [], b"GET /balancer-health ", True),
        (b"HTTP/1.1 200 OK\r\n\r\n", ["proxy"], b"PROXY UNKNOWN\r\nGET /balancer-health ", True),
        (b"HTTP/1.1 500 Error\r\n\r\n", [], b"GET /balancer-health ", False),
        (b"", [], b"GET /balancer-health ", False),
    ],
    ids=["well", "well by the PROXY protocol", "errors", "closes"],
)
def test_a_web_server_is_well_when_it_answers(
    render: Render, tmp_path: Path, answer: bytes, words: list[str], heard: bytes, well: bool
) -> None:
    script = tmp_path / "balancer-health"
    script.write_text(render("keepalived", "usr/local/lib/hotclub/balancer-health.j2"), encoding="utf-8")
    said: list[bytes] = []

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            while b"\r\n\r\n" not in b"".join(said):
                said.append(connection.recv(4096))
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=[server])
        thread.start()
        port = str(server.getsockname()[1])
        done = subprocess.run(["bash", script, port, *words], check=False, timeout=5)
        thread.join(5)
    gone = subprocess.run(["bash", script, port], check=False, timeout=5, stderr=subprocess.DEVNULL)

    assert (done.returncode == 0) is well
    assert b"".join(said).startswith(heard)
    assert gone.returncode != 0


@pytest.mark.parametrize("wrong", ["10.0.0.100", "10.0.0.300/24", "shop.example.org"])
def test_what_is_no_address_with_its_network_is_refused(wrong: str) -> None:
    assert list(check_virtual_addresses([wrong]))
    assert not list(check_virtual_addresses(["10.0.0.100/24", "2001:db8::1/64"]))
