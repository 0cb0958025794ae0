"""What the templates of the haproxy role become."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

SITE = "etc/haproxy/sites/_site_.cfg.j2"
SERVER = {"name": "app1", "address": "10.0.0.21:8000", "weight": 1, "backup": False, "drained": False}
SHOP: dict[str, Any] = {"haproxy_site_name": "shop", "haproxy_servers": [SERVER]}

Render = Callable[..., str]


@pytest.fixture
def page(render: Render) -> Render:
    """Return a function that renders the file of the shop, with changes."""
    return lambda **changes: render("haproxy", SITE, **(SHOP | changes))


def servers(text: str) -> list[str]:
    """Return the lines that name application hosts, of each backend."""
    return re.findall(r"^    server (.*)$", text, re.MULTILINE)


def backend(text: str, name: str) -> str:
    """Return the part of the file that is about one backend."""
    return text.partition(f"\nbackend {name}\n")[2].partition("\nbackend ")[0]


@pytest.mark.parametrize(
    ("method", "key", "line"),
    [
        ("round_robin", "", "roundrobin"),
        ("weighted", "", "roundrobin"),
        ("random", "", "random(1)"),
        ("random_two", "", "random(2)"),
        ("least_conn", "", "leastconn"),
        ("ip_hash", "", "hash req.hdr(X-Real-IP)"),
        ("hash", "header:X-Tenant", "hash req.hdr(X-Tenant)"),
        ("hash", "cookie:sessionid", "hash req.cook(sessionid)"),
        ("hash", "query:shop", "hash url_param(shop)"),
        ("hash", "path", "hash path"),
    ],
)
def test_each_method_has_its_line(page: Render, method: str, key: str, line: str) -> None:
    text = page(haproxy_balance_method=method, haproxy_balance_hash_key=key)

    assert text.count(f"    balance {line}\n    hash-type consistent\n") == 2


def test_hosts_are_weighted_kept_back_and_drained(page: Render) -> None:
    fleet = [
        SERVER | {"weight": 3},
        SERVER | {"name": "app2", "backup": True},
        SERVER | {"name": "app3", "drained": True},
    ]

    assert servers(page(haproxy_servers=fleet)) == [
        "app1 10.0.0.21:8000 weight 3",
        "app2 10.0.0.21:8000 weight 1 backup",
        "app3 10.0.0.21:8000 weight 1 disabled",
        "app1 10.0.0.21:8000 track shop/app1 weight 3",
        "app2 10.0.0.21:8000 track shop/app2 weight 1 backup",
        "app3 10.0.0.21:8000 track shop/app3 weight 1 disabled",
        "app1 10.0.0.21:8000",
        "app2 10.0.0.21:8000",
    ]


def test_only_what_harms_nothing_is_asked_of_another_host(page: Render) -> None:
    text = page()

    assert "    use_backend shop.changes unless METH_GET || METH_HEAD || METH_OPTIONS\n    default_backend shop\n" in text
    assert re.findall(r"retry-on (.*)$", backend(text, "shop.changes"), re.MULTILINE) == ["conn-failure"]
    assert "http-request disable-l7-retry unless METH_GET || METH_HEAD || METH_OPTIONS" in backend(text, "shop.unchecked")
    assert "retries 3\n    option redispatch 1\n" in text


def test_what_a_host_is_at_work_on_is_cut_off_only_where_another_one_can_be_asked(page: Render) -> None:
    text = page()

    assert "on-marked-down shutdown-sessions" in backend(text, "shop")
    assert "shutdown-sessions" not in backend(text, "shop.changes") + backend(text, "shop.unchecked")


def test_requests_wait_on_the_balancer_only_when_asked_to(page: Render) -> None:
    assert "maxconn" not in page()
    assert " maxconn 8\n" in page(haproxy_server_connections_max="8")
