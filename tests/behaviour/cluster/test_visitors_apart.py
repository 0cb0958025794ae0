"""Who a visitor is, behind balancers that are believed and others that aren't; and how much each may ask."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.visitor import Answer

FIRST, SECOND = "198.51.100.7", "198.51.100.8"
STATIC = "/static/admin/css/base.css"


@pytest.fixture(scope="module")
def controller(fleet: Fleet) -> str:
    """This machine, as the hosts see it: a balancer in front of theirs, when they are told so."""
    return fleet.lab.lb.sees_controller_at


@pytest.fixture(scope="module")
def trusting(fleet: Fleet, controller: str) -> Iterator[Fleet]:
    """The fleet, which believes this machine, and lets every visitor ask twice and then once a second."""
    fleet.write_inventory(
        nginx_trusted_proxies=[controller],
        nginx_rate_limit_per_second=1,
        nginx_rate_limit_burst=1,
    )
    fleet.play("site", "--limit", "lb", "--tags", "nginx").must_succeed()
    yield fleet
    fleet.write_inventory()
    fleet.play("site", "--limit", "lb", "--tags", "nginx").must_succeed()


def logged(fleet: Fleet, answer: Answer) -> Mapping[str, Any]:
    """The line that the balancer wrote about an answer."""
    line = fleet.lab.lb.run(f"grep --fixed-strings {answer.headers['X-Request-ID']} /var/log/nginx/{fleet.name}.access.log")
    found: Mapping[str, Any] = json.loads(line)
    return found


def test_a_stranger_is_not_believed(fleet: Fleet, controller: str) -> None:
    claimed = {"X-Forwarded-For": FIRST, "X-Request-ID": uuid.uuid4().hex}
    answer = fleet.visitor.get("/version", headers=claimed)
    assert answer.status == 200, answer
    assert answer.headers["X-Request-ID"] != claimed["X-Request-ID"]
    assert logged(fleet, answer)["client"] == controller


def test_a_balancer_in_front_is_believed_and_each_of_its_visitors_is_limited_alone(trusting: Fleet) -> None:
    claimed = {"X-Forwarded-For": FIRST, "X-Request-ID": uuid.uuid4().hex}
    answers = [trusting.visitor.get("/version", headers={"X-Forwarded-For": FIRST}) for _ in range(8)]
    statuses = [answer.status for answer in answers]
    assert statuses[:2] == [200, 200] and 429 in statuses[2:], statuses
    assert logged(trusting, answers[0])["client"] == FIRST
    other = trusting.visitor.get("/version", headers={**claimed, "X-Forwarded-For": SECOND})
    assert other.status == 200, f"the limit of one visitor struck another: {other}"
    assert other.headers["X-Request-ID"] == claimed["X-Request-ID"]
    assert {trusting.visitor.get(STATIC, headers={"X-Forwarded-For": FIRST}).status for _ in range(8)} == {200}


@pytest.fixture(scope="module")
def speaking(trusting: Fleet, controller: str) -> Fleet:
    """The fleet, which hears from this machine who its visitors are, and lets each have four requests under way."""
    trusting.write_inventory(nginx_trusted_proxies=[controller], nginx_proxy_protocol_enabled=True, nginx_connection_limit=4)
    trusting.play("site", "--limit", "lb", "--tags", "nginx").must_succeed()
    return trusting


def test_a_balancer_that_speaks_the_proxy_protocol_is_believed(speaking: Fleet) -> None:
    answer = ask_through_balancer(speaking, SECOND)
    assert answer.startswith("HTTP/1.1 200"), answer
    request_id = next(line.split(": ")[1] for line in answer.splitlines() if line.lower().startswith("x-request-id"))
    line = speaking.lab.lb.run(f"grep --fixed-strings {request_id} /var/log/nginx/{speaking.name}.access.log")
    assert json.loads(line)["client"] == SECOND
    # Without the protocol, there is not even a handshake.
    with pytest.raises((ssl.SSLError, ConnectionError)):
        speaking.visitor.get("/version")


def test_a_visitor_has_so_many_requests_under_way_and_no_more(speaking: Fleet) -> None:
    with contextlib.ExitStack() as under_way:
        for _ in range(4):
            connection = under_way.enter_context(connect_through_balancer(speaking, FIRST))
            # The body does not come, as a slow visitor's.
            connection.sendall(f"POST / HTTP/1.1\r\nHost: {speaking.domain}\r\nContent-Length: 10\r\n\r\n".encode())
        time.sleep(0.3)
        answer = ask_through_balancer(speaking, FIRST)
        assert answer.startswith("HTTP/1.1 429"), answer
        assert ask_through_balancer(speaking, SECOND).startswith("HTTP/1.1 200"), "one visitor's limit struck another"
    time.sleep(0.3)
    answer = ask_through_balancer(speaking, FIRST)
    assert answer.startswith("HTTP/1.1 200"), f"with nothing under way any more: {answer}"


def connect_through_balancer(site: Fleet, visitor: str) -> socket.socket:
    """Open a visitor's connection as a balancer does that passes it on."""
    address = site.lab.lb.address
    plain = socket.create_connection((address, 443), 5)
    plain.sendall(f"PROXY TCP4 {visitor} {address} 40000 443\r\n".encode())
    return ssl.create_default_context(cafile=site.authority).wrap_socket(plain, server_hostname=site.domain)


def ask_through_balancer(site: Fleet, visitor: str) -> str:
    """Ask as a balancer does that passes on a visitor's connection."""
    with connect_through_balancer(site, visitor) as connection:
        connection.sendall(f"GET /version HTTP/1.1\r\nHost: {site.domain}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
