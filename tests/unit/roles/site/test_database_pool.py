"""A pool of database connections: what follows for the hosts, from the inventory alone."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.site.test_database_cluster import ONE, THREE
from tests.unit.roles.site.test_database_cluster import known as known  # a fixture

Known = Callable[..., Any]
TOGETHER = "[lb]\nweb1\n[app]\nweb1\n[db]\nweb1\n"


def test_without_one_nothing_says_so(known: Known) -> None:
    assert "SITE_DATABASE_POOL" not in known("django_environment", ONE, "web1")
    roles = known("site_host_roles", ONE, "web1")
    assert "pgbouncer" not in roles and "pgbouncer.tidy" in roles
    assert known("pgbouncer_name", ONE, "web1") == ""
    assert known("gunicorn_needed_units", ONE, "web1") == []


def test_what_serves_is_led_to_it_and_all_else_to_the_server(known: Known) -> None:
    environment = known("django_environment", ONE, "web1", site_database_pool="transaction")

    assert environment["SITE_DATABASE_POOL"] == "/run/shop-pool/transaction-shop"
    assert environment["SITE_DATABASE_POOL_MODE"] == "transaction"
    assert environment["DATABASE_URL"] == "postgres://shop:a%2Fb@10.0.0.31:5432/shop"


def test_another_mode_or_account_is_another_pool(known: Known) -> None:
    rotated = {"turn": 1, "step": "", "following": ""}

    assert known("pgbouncer_name", ONE, "web1", site_database_pool="session") == "session-shop"
    names = known("[pgbouncer_name, pgbouncer_user]", ONE, "web1", site_database_pool="session", __site_database_rotation=rotated)
    assert names == ["session-shop-2", "shop-2"]


def test_what_serves_needs_what_no_pool_is_named_like(known: Known) -> None:
    units = known("gunicorn_needed_units", ONE, "web1", site_database_pool="transaction")

    assert units == ["shop-pools.target"] and not fnmatch(units[0], "shop-pool@*")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (TOGETHER, ["127.0.0.1", 5432, ""]),
        (ONE, ["10.0.0.31", 5432, "shop"]),
        # By way of the endpoint that follows the primary.
        (THREE, ["127.0.0.1", 6432, "shop"]),
    ],
)
def test_it_goes_the_way_that_the_project_would_go(known: Known, hosts: str, expected: list[Any]) -> None:
    way = "[pgbouncer_server_address, pgbouncer_server_port, pgbouncer_certificate_name]"
    found = known(way, hosts, "web1", site_database_pool="transaction")
    assert [found[0].replace("localhost", "127.0.0.1"), *found[1:]] == expected


def test_it_comes_before_the_environment_that_leads_to_it_and_others_go_after_the_instances(known: Known) -> None:
    roles = known("site_host_roles", ONE, "web1", site_database_pool="transaction")

    assert roles.index("pgbouncer") < roles.index("django") < roles.index("django.settle") < roles.index("pgbouncer.tidy")
    assert "pgbouncer" in known("site_leave_roles", ONE, "web1")
    assert Path(known("site_internal_certificates", ONE, "web1", site_database_pool="session")[-1]).parts[3] == "shop-pool"
