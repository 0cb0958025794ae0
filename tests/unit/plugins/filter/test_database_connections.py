"""What a deploy of the whole fleet may keep open in the database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.filter.database_connections import database_connections

from tests.unit.conftest import load_inventory, wiring

INVENTORY = """
all:
  children:
    app:
      hosts:
        app1: {gunicorn_workers: 3, gunicorn_threads: 2}
        app2: {}
        app3: {gunicorn_workers: "{{ ansible_facts['processor_vcpus'] * 2 }}"}
    db: {hosts: {db1: {}}}
"""


@pytest.mark.parametrize(
    ("interface", "variables", "expected"),
    [
        # Two instances, the probe, which has one worker, and two commands.
        ("wsgi", {"gunicorn_workers": 3}, (3 + 3 + 1) * 4 + 2),
        ("wsgi", {"gunicorn_workers": "3", "gunicorn_threads": "2"}, (3 + 3 + 1) * 2 + 2),
        ("wsgi", {"gunicorn_workers": 3, "gunicorn_settings": {"workers": 5, "threads": 2}}, (5 + 5 + 1) * 2 + 2),
        ("wsgi", {"ansible_facts": {"processor_vcpus": 8}}, (8 + 8 + 1) * 4 + 2),
        ("wsgi", {"ansible_facts": {"processor_vcpus": 1}}, (2 + 2 + 1) * 4 + 2),
        # A command has a pool as well.
        ("asgi", {"gunicorn_workers": 3, "gunicorn_threads": 9}, (3 + 3 + 1 + 2) * 4),
        ("wsgi", {"ansible_facts": {}}, 0),
    ],
)
def test_what_a_host_may_have_open(interface: str, variables: dict[str, Any], expected: int) -> None:
    assert database_connections(["app1"], {"app1": variables}, interface) == {"app1": expected}
    assert database_connections(["app1"], {"app1": variables}, interface, "2") == {"app1": 2 * expected}


def test_the_database_is_told_of_all_application_hosts(tmp_path: Any) -> None:
    known = load_inventory(tmp_path, {"hosts.yml": INVENTORY})
    scope = {**wiring(), **known, "inventory_hostname": "db1", "group_names": ["db"]}
    scope |= {
        "site_interface": "wsgi",
        "site_database_count": 2,
        "site_database_pool": "none",
        "site_workers": [],
        "site_timers": [],
    }
    templar = Templar(known["loader"], scope)

    assert templar.template(trust_as_template("{{ postgresql_connections }}")) == {"app1": 32, "app2": 0, "app3": 0}


def test_background_work_counts_for_three_releases_where_it_is_done(tmp_path: Any) -> None:
    worker = "    worker: {hosts: {app1: {}}}\n"
    known = load_inventory(tmp_path, {"hosts.yml": INVENTORY.replace("app2: {}", "app2: {gunicorn_workers: 1}") + worker})
    scope = {**wiring(), **known, "inventory_hostname": "db1", "group_names": ["db"]}
    workers = [{"name": "mail", "processes": "3"}, {"name": "rows"}]
    timers = [{"name": "tidy"}]
    scope |= {
        "site_interface": "wsgi",
        "site_database_count": 2,
        "site_database_pool": "none",
        "site_workers": workers,
        "site_timers": timers,
    }
    templar = Templar(known["loader"], scope)

    found = templar.template(trust_as_template("{{ postgresql_connections }}"))

    assert found == {"app1": 32 + 2 * 3 * (3 + 1 + 1), "app2": 28, "app3": 0}


@pytest.mark.parametrize(
    ("databases", "tasks", "expected"),
    [
        # Two pools, while one takes the place of the other, and two commands.
        (1, 0, 2 * 6 + 2),
        # Work in the background is not pooled.
        (1, 4, 2 * 6 + 2 + 3 * 4),
        # Nor are further databases.
        (2, 0, 2 * 6 + 2 + 30),
    ],
)
def test_requests_that_share_a_pool_have_no_more_than_it(databases: int, tasks: int, expected: int) -> None:
    known = {"app1": {"gunicorn_workers": 3}}

    assert database_connections(["app1"], known, "wsgi", databases, ["app1"], tasks, "6") == {"app1": expected}


def test_a_pool_is_known_without_the_hosts_processors() -> None:
    assert database_connections(["app1"], {"app1": {}}, "wsgi", 1, (), 0, 6) == {"app1": 14}
    assert database_connections(["app1"], {"app1": {}}, "wsgi", 2, (), 0, 6) == {"app1": 0}


def test_a_release_that_knows_no_pool_has_its_own_connections_besides() -> None:
    facts = {"processor_vcpus": 8, "hotclub_ignores_pools": True}
    old = {"gunicorn_workers": 3, "gunicorn_threads": 4, "ansible_facts": facts}
    new = old | {"ansible_facts": facts | {"hotclub_ignores_pools": False}}

    found = database_connections(["app1", "app2"], {"app1": old, "app2": new}, "wsgi", 1, (), 0, 6)
    assert found == {"app1": 2 * 6 + (3 + 3 + 1) * 4 + 2, "app2": 2 * 6 + 2}
    unknown = {"ansible_facts": {"hotclub_ignores_pools": True}}
    assert database_connections(["app1"], {"app1": unknown}, "wsgi", 1, (), 0, 6) == {"app1": 0}
