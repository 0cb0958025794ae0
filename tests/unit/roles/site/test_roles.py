"""The table of a host's roles: which of them the playbooks compare, rotate, upgrade and remove, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT, wiring

Read = Callable[..., dict[str, Any]]
ENTRIES = ("certificate", "upgrade", "leave")
# Those whose order matters to a request.
ON_THE_WAY = {"acme", "keepalived", "nginx", "certificates", "haproxy", "app_tls", "django", "gunicorn", "postgresql", "firewall"}
ADDRESSES = {"site_virtual_addresses": ["10.0.0.100/24"]}


@pytest.fixture
def listed(inventory_vars: Read, tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that works out a list of roles for a host of an inventory that is shipped."""

    def read(name: str, inventory: str, host: str, **more: Any) -> list[str]:
        files = {"hosts.yml": (CHECKOUT / "inventories" / inventory / "hosts.yml").read_text(encoding="utf-8")}
        given = inventory_vars(tmp_path, files)
        loader = DataLoader()
        known: dict[str, Any] = {}
        for path in sorted(CHECKOUT.glob("roles/*/defaults/main.yml")):
            known |= loader.load_from_file(str(path), trusted_as_template=True)
        groups = given["groups"]
        known |= wiring() | dict(given["hostvars"].raw_get(host)) | {"groups": groups, "hostvars": given["hostvars"]}
        known |= {"group_names": [name for name in groups if host in groups[name]]}
        known |= {"inventory_hostname": host, "ansible_facts": {}}
        found: list[str] = Templar(loader, known | more).template(trust_as_template(f"{{{{ {name} }}}}"))
        return found

    return read


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("lb2", ["acme", "keepalived", "nginx", "certificates", "haproxy", "django", "gunicorn", "postgresql", "firewall"]),
        ("app3", ["app_tls", "django", "gunicorn", "postgresql", "firewall"]),
        ("db1", ["django", "gunicorn", "postgresql", "firewall"]),
    ],
)
@pytest.mark.parametrize("variables", [{}, ADDRESSES, {"site_tls_mode": "acme"}, {"site_firewall_enabled": False}])
def test_a_host_leaves_in_the_order_of_a_request(
    listed: Callable[..., list[str]], host: str, expected: list[str], variables: dict[str, Any]
) -> None:
    found = listed("site_leave_roles", "cluster", host, decommission_host=host, **variables)

    assert [role for role in found if role in ON_THE_WAY] == expected


@pytest.mark.parametrize(
    ("inventory", "host", "variables", "expected"),
    [
        ("single", "web1", {}, []),
        ("single", "web1", {"site_tls_mode": "internal"}, ["certificates", "nginx"]),
        ("cluster", "lb1", {}, ["haproxy", "acme"]),
        ("cluster", "lb1", {"site_tls_mode": "internal"}, ["haproxy", "certificates", "nginx"]),
        ("cluster", "app1", {}, ["django", "app_tls"]),
        ("cluster", "app1", {"site_app_tls_enabled": False}, ["django"]),
        ("cluster", "app1", {"site_database_authority_path": "/elsewhere"}, ["app_tls"]),
        ("cluster", "db1", {}, ["postgresql"]),
    ],
)
def test_a_rotation_goes_through_the_roles_that_show_a_certificate(
    listed: Callable[..., list[str]], inventory: str, host: str, variables: dict[str, Any], expected: list[str]
) -> None:
    assert listed("site_certificate_roles", inventory, host, **variables) == expected


@pytest.mark.parametrize(
    ("inventory", "host", "expected"),
    [
        ("single", "web1", ["postgresql"]),
        ("cluster", "lb1", ["haproxy"]),
        ("cluster", "app1", ["app_tls"]),
        ("cluster", "db1", ["postgresql"]),
    ],
)
def test_packages_that_interrupt_their_service_are_upgraded_first(
    listed: Callable[..., list[str]], inventory: str, host: str, expected: list[str]
) -> None:
    assert listed("site_upgrade_roles", inventory, host) == expected


def test_each_entry_of_a_role_has_its_place_in_the_table() -> None:
    """A new role edits playbooks/site.yml and the table; else decommission, rotation and patch would pass it by."""
    table: dict[str, set[str]] = {entry: set() for entry in ENTRIES}
    for row in wiring()["__site_roles"]:
        names = {path.name for path in (CHECKOUT / "roles").iterdir() if path.name in row["role"].replace("'", " ").split()}
        names = names or {row["role"].partition(".")[0]}
        for entry in ENTRIES:
            table[entry] |= names if entry in row else set()

    there = {entry: {path.parents[1].name for path in CHECKOUT.glob(f"roles/*/tasks/{entry}.yml")} for entry in ENTRIES}
    assert table == there
