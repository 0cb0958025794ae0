"""What a host is refused for, whichever roles it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused

from tests.unit.conftest import wiring

LINKS = ("requests", "database", "replication", "backups", "virtual_addresses", "shared_certificate", "metrics")


def told(address: str, has: Sequence[str], *listens: str) -> list[str]:
    variables: dict[str, Any] = {
        **wiring(),
        "inventory_hostname": "db1",
        "site_here": {"address": address},
        "site_link": {name: {"from": "app", "bind": f"{address}:5432" if name in listens else ""} for name in LINKS},
        "ansible_facts": {"all_ipv4_addresses": has},
    }
    return list(refused(Templar(None, variables).template(trust_as_template("{{ __site_refusals }}"))))


@pytest.mark.parametrize(
    ("address", "has", "listens"),
    [
        ("10.0.0.5", ["10.0.0.5", "172.17.0.1"], ["database"]),
        # Nothing listens at a public address of a router on a single server.
        ("203.0.113.31", ["10.0.0.5"], []),
        ("db1.example.org", ["10.0.0.5"], ["database"]),
        ("FD00::0:5", ["10.0.0.5"], ["database"]),
        ("203.0.113.31", [], ["database"]),
    ],
)
def test_a_host_may_listen_at_its_own_address(address: str, has: list[str], listens: list[str]) -> None:
    assert told(address, has, *listens) == []


def test_an_address_that_no_interface_has_is_refused_with_those_that_there_are() -> None:
    [text] = told("203.0.113.31", ["10.0.0.5"], "database")

    assert "db1 has no interface with the address 203.0.113.31" in text
    assert "Set private_address of db1 to one that the host has: 10.0.0.5." in text
