"""A database that somebody else runs: what follows for each host, from the inventory alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT, wiring

Known = Callable[..., Any]
HOSTS = "[lb]\nweb1\n[app]\nweb1\napp2\n"
SITE = {
    "site_name": "shop",
    "site_domain": "shop.example.org",
    "inventory_dir": "/inventory",
    "inventory_hostname": "web1",
    "site_database_password": "a/b",
    "site_database_server": "db.example.net:5433",
}


@pytest.fixture
def known(inventory_vars: Callable[..., dict[str, Any]], tmp_path: Path) -> Known:
    """Return a function that works out a variable for the first host."""
    given = inventory_vars(tmp_path, {"hosts": HOSTS})
    loader, groups = DataLoader(), given["groups"]
    variables: dict[str, Any] = {}
    for path in sorted(CHECKOUT.glob("roles/*/defaults/main.yml")):
        variables |= loader.load_from_file(str(path), trusted_as_template=True)
    variables |= (
        wiring() | SITE | {"groups": groups, "hostvars": given["hostvars"], "group_names": ["app", "lb"], "ansible_facts": {}}
    )

    def read(name: str, **more: Any) -> Any:
        return Templar(loader, variables | more).template(trust_as_template(f"{{{{ {name} }}}}"))

    return read


@pytest.mark.parametrize(
    ("server", "host", "port"),
    [
        ("db.example.net", "db.example.net", 5432),
        ("db.example.net:5433", "db.example.net", 5433),
        ("192.0.2.7:6000", "192.0.2.7", 6000),
        ("[2001:db8::7]", "2001:db8::7", 5432),
        ("[2001:db8::7]:5433", "2001:db8::7", 5433),
    ],
)
def test_the_project_finds_the_server_where_the_inventory_says(known: Known, server: str, host: str, port: int) -> None:
    found = known(
        "[site_database_host, site_database_port, site_link.database.used, site_link.database.tls]", site_database_server=server
    )
    assert found == [host, port, True, False]


def test_the_project_logs_in_by_the_password_that_was_given_and_trusts_whom_it_should(known: Known, tmp_path: Path) -> None:
    environment = known("django_environment")
    assert environment["DATABASE_URL"] == "postgres://shop:a%2Fb@db.example.net:5433/shop"
    assert (environment["PGSSLMODE"], environment["PGSSLROOTCERT"]) == ("verify-full", "/etc/ssl/certs/ca-certificates.crt")
    assert "PGSSLCERT" not in environment and known("django_database_authority") == ""

    authority = tmp_path / "provider.pem"
    authority.write_text("of the provider\n", encoding="utf-8")
    given = {"site_database_ca_path": str(authority), "site_database_tls_mode": "verify-ca"}
    environment = known("django_environment", **given)
    assert (environment["PGSSLMODE"], environment["PGSSLROOTCERT"]) == ("verify-ca", "/srv/shop/etc/database-authority.pem")
    assert known("django_database_authority", **given) == "of the provider"


def test_no_role_knows_its_server(known: Known) -> None:
    assert {"postgresql", "patroni", "etcd", "pgbackrest", "pgbackrest.leave"}.isdisjoint(known("site_host_roles"))
    assert "django" not in known("site_certificate_roles")
    assert [flow["to"] for flow in known("site_flows") if flow["why"] == "the database"] == ["db.example.net"]
    assert known("[site_backups_enabled | bool, django_restore_point_hosts]") == [False, []]
    assert "site_database_server is db.example.net:5433" in known("site_backups_obstacle")


def test_too_few_connections_are_told_with_the_numbers(known: Known) -> None:
    needed = {"web1": 30, "app2": 30}
    why = {"room_why": "max_connections is 50, 3 are reserved, 0 are others'"}

    def shortage(room: int, is_in_use: bool = False, name: str = "site_database_shortage") -> str:
        seen = {"hotclub_database": {"room": room, "is_in_use": is_in_use, "is_elsewhere": False, **why}}
        return str(known(name, postgresql_connections=needed, ansible_facts=seen))

    assert shortage(60) == "" and known("site_database_shortage") == ""
    assert shortage(60, is_in_use=True, name="site_database_shortage_notice") == ""
    assert known("__site_notices") == []
    # A site that serves from it is told and not kept from a run.
    assert shortage(47, is_in_use=True) == "" and shortage(47, name="site_database_shortage_notice") == ""
    notice = shortage(47, is_in_use=True, name="__site_notices[0]")
    assert notice.startswith("web1: db.example.net:5433 has room for 47 connections")
    text = shortage(47)
    for word in ("room for 47 connections of shop", why["room_why"], "may open 60", "app2 30, web1 30", "gunicorn_workers"):
        assert word in text, text
