"""The table of who talks to whom: what each link means for a host, worked out in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.filter.link import endpoint, flows, link
from ansible_collections.hotclub.django.plugins.filter.topology import place, topology
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.links import KEYS

from tests.unit.conftest import CHECKOUT, wiring

TABLE = CHECKOUT / "roles" / "site" / "vars" / "main" / "links.yml"
HOSTS: dict[str, Any] = {
    "web1": {"private_address": "fd00::10"},
    "web2": {"private_address": "10.0.0.11"},
    "db1": {"private_address": "10.0.0.31"},
    "old": {"private_address": "10.0.0.99"},
}
SINGLE = {"lb": ["web1"], "app": ["web1"], "db": ["web1"]}
FLEET = {"lb": ["web1", "web2"], "app": ["web1", "web2"], "db": ["db1"]}
QUERIES = {
    "from": "app",
    "to": "db",
    "port": "5432",
    "tls": "true",
    "certificates": {"from": "/app", "to": "/db"},
    "why": "the database",
}


def seen(row: Mapping[str, Any], host: str, groups: Mapping[str, list[str]]) -> dict[str, Any]:
    return link(row, place(host, groups, HOSTS))


def asked_by_clients(row: Mapping[str, Any], groups: Mapping[str, list[str]]) -> str:
    return endpoint(row, topology(groups, HOSTS))


def flow(row: Mapping[str, Any], host: str, groups: Mapping[str, list[str]]) -> dict[str, Any]:
    [found] = flows({"one": row}, place(host, groups, HOSTS))
    return found


def test_a_tier_without_hosts_talks_to_nobody() -> None:
    row = {"from": "monitoring", "to": "all", "port": 9100, "why": "metrics"}

    assert (seen(row, "db1", FLEET)["used"], seen(row, "db1", FLEET)["bind"]) == (False, "")
    assert flows({"one": row}, place("db1", FLEET, HOSTS)) == []
    assert flow(row, "db1", {**FLEET, "monitoring": ["web2"]})["sources"] == ["10.0.0.11"]


def test_one_host_at_both_ends_needs_no_network() -> None:
    found = seen(QUERIES, "web1", SINGLE)

    assert (found["local"], found["used"], found["tls"]) == (True, False, False)
    assert asked_by_clients(QUERIES, SINGLE) == "127.0.0.1"
    assert [found[name] for name in ("accepted", "peers", "listen", "bind", "names")] == [[], [], "", "", []]
    assert flows({"one": QUERIES}, place("web1", SINGLE, HOSTS)) == []


def test_a_server_listens_for_its_clients() -> None:
    found = seen(QUERIES, "db1", FLEET)

    assert (found["local"], found["used"], found["tls"]) == (False, True, True)
    assert (found["listen"], found["bind"], found["names"]) == ("10.0.0.31", "10.0.0.31:5432", ["db1", "10.0.0.31"])
    assert found["accepted"] == ["fd00::10", "10.0.0.11"]


def test_a_client_is_told_where_to_ask() -> None:
    assert asked_by_clients(QUERIES, FLEET) == "10.0.0.31"
    assert seen(QUERIES, "web1", FLEET)["bind"] == ""


def test_an_address_of_ipv6_stands_in_brackets_before_its_port() -> None:
    assert seen({"from": "lb", "to": "app", "port": 8000, "why": "requests"}, "web1", FLEET)["bind"] == "[fd00::10]:8000"


def test_hosts_of_one_tier_talk_to_the_others() -> None:
    row = {"from": "lb", "to": "lb", "protocol": "vrrp", "why": "who has the address"}

    assert seen(row, "web1", FLEET)["peers"] == ["10.0.0.11"]
    assert (flow(row, "web1", FLEET)["protocol"], flow(row, "web1", FLEET)["port"]) == ("vrrp", 0)


@pytest.mark.parametrize(("wanted", "used"), [(True, True), ("false", False), (False, False)])
def test_a_link_that_the_site_does_not_want_is_not_used(wanted: Any, used: bool) -> None:
    found = seen({**QUERIES, "wanted": wanted}, "db1", FLEET)

    assert (found["used"], found["tls"], bool(found["listen"])) == (used, used, used)


def test_both_ends_prove_themselves_and_nobody_else() -> None:
    shown = {host: flow(QUERIES, host, FLEET)["certificates"] for host in ("web1", "db1", "old")}

    assert shown == {"web1": ["/app"], "db1": ["/db"], "old": []}
    assert flow({**QUERIES, "tls": False}, "db1", FLEET)["certificates"] == []


def test_a_host_lets_in_visitors_as_a_server_alone() -> None:
    row = {"from": "world", "to": "lb", "port": 443, "why": "visitors"}

    assert flow(row, "web1", FLEET)["sources"] == ["0.0.0.0/0", "::/0"]
    assert flow(row, "db1", FLEET)["sources"] == []
    assert flow({**row, "from": "controller"}, "web1", FLEET)["sources"] == []


def test_an_end_may_be_everybody() -> None:
    row = {"from": "db", "to": "all", "port": 9100, "why": "metrics"}

    assert flow(row, "web1", FLEET)["servers"] == ["web1", "web2", "db1"]
    assert flow(row, "web1", FLEET)["sources"] == ["10.0.0.31"]
    assert flow(row, "db1", FLEET)["sources"] == []


def test_an_end_may_be_one_host_whatever_its_tier() -> None:
    row = {"from": "db", "to": "old", "port": 5432, "tls": True, "why": "the copy"}

    assert seen(row, "old", FLEET)["bind"] == "10.0.0.99:5432"
    assert flow(row, "old", FLEET)["sources"] == ["10.0.0.31"]


def test_an_end_may_lie_outside() -> None:
    found = seen({**QUERIES, "to": "db.example.net"}, "web1", {**SINGLE, "db": []})

    assert (found["local"], found["used"], found["tls"]) == (False, True, True)
    assert asked_by_clients({**QUERIES, "to": "db.example.net"}, {**SINGLE, "db": []}) == "db.example.net"
    assert flow({**QUERIES, "to": "db.example.net"}, "web1", SINGLE)["sources"] == []


def test_an_end_that_is_nobody_makes_no_link() -> None:
    assert not seen({**QUERIES, "to": ""}, "web1", FLEET)["used"]


def test_a_host_that_leaves_is_nobody_s_peer() -> None:
    around = place("web2", FLEET, HOSTS, ["web2"])

    assert around["here"]["address"] == "10.0.0.11"
    assert link(QUERIES, around)["accepted"] == ["fd00::10"]


def test_a_word_that_no_link_has_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match=r"no prot\. It has from, to, port, protocol"):
        seen({**QUERIES, "prot": "udp"}, "db1", FLEET)


def test_no_more_of_a_row_is_read_than_a_question_needs() -> None:
    class Row(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            assert key not in ("port", "why", "certificates", "protocol"), key
            return super().get(key, default)

    assert link(Row(QUERIES), place("web1", SINGLE, HOSTS))["local"]
    assert link(Row(QUERIES), place("web1", FLEET, HOSTS))["tls"]


# The table itself


def rows() -> list[tuple[str, dict[str, Any]]]:
    return list(yaml.safe_load(TABLE.read_text(encoding="utf-8"))["site_links"].items())


@pytest.mark.parametrize(("name", "row"), rows(), ids=[name for name, _ in rows()])
def test_every_row_says_who_talks_to_whom_and_why(name: str, row: dict[str, Any]) -> None:
    assert row.keys() >= {"from", "to", "why"}
    assert "port" in row or row["protocol"] == "vrrp"
    assert set(row) <= set(KEYS), name


def test_what_roles_are_fed_is_a_row_of_the_table() -> None:
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))

    assert table["site_link"].keys() <= table["site_links"].keys()
    for name, expression in table["site_link"].items():
        assert expression == f"{{{{ site_links.{name} | hotclub.django.link(site_place) }}}}"


@pytest.mark.parametrize(
    ("inventory", "host", "expected"),
    [
        ("single", "web1", {"gunicorn_listen_address": "", "postgresql_listen_addresses": ["localhost"], "django_balancers": []}),
        (
            "cluster",
            "db1",
            {
                "postgresql_listen_addresses": ["localhost", "10.0.0.31"],
                "postgresql_certificate_names": ["db1", "10.0.0.31", "127.0.0.1"],
            },
        ),
        (
            "cluster",
            "app1",
            {
                "app_tls_listen_address": "10.0.0.21:8283",
                "gunicorn_trusted_proxies": ["10.0.0.10", "10.0.0.11"],
                "site_database_host": "10.0.0.31",
                "site_internal_certificates": ["/etc/hotclub/shop/certificate", "/srv/shop/etc/certificate*"],
            },
        ),
        ("cluster", "lb1", {"acme_peers": ["10.0.0.11"], "acme_turn": 0, "haproxy_certificate_name": "lb1"}),
    ],
)
def test_the_inventories_that_are_shipped(
    inventory: str, host: str, expected: dict[str, Any], inventory_vars: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    files = {"hosts.yml": (CHECKOUT / "inventories" / inventory / "hosts.yml").read_text(encoding="utf-8")}
    given = inventory_vars(tmp_path, files)
    loader = DataLoader()
    known: dict[str, Any] = {}
    for path in sorted(CHECKOUT.glob("roles/*/defaults/main.yml")):
        known |= loader.load_from_file(str(path), trusted_as_template=True)
    known |= wiring() | dict(given["hostvars"].raw_get(host))
    groups = given["groups"]
    known |= {"groups": groups, "hostvars": given["hostvars"], "inventory_hostname": host}
    known |= {"group_names": [name for name in groups if host in groups[name]], "ansible_facts": {}}

    found = {name: Templar(loader, known).template(trust_as_template(f"{{{{ {name} }}}}")) for name in expected}

    assert found == expected
