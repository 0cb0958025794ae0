"""One database host or several: what follows for each host, from the inventory alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT, wiring

Read = Callable[..., dict[str, Any]]
Known = Callable[..., Any]
ONE = "[lb]\nweb1\n[app]\nweb1\n[db]\ndb1 private_address=10.0.0.31\n"
THREE = f"{ONE}db2 private_address=10.0.0.32\ndb3 private_address=10.0.0.33\n"
DECIDED_ELSEWHERE = f"{ONE}db2 private_address=10.0.0.32\n[dcs]\nd1 private_address=10.0.0.41\nd2 private_address=10.0.0.42\nd3\n"
NONE = "[lb]\nweb1\n[app]\nweb1\n"
SITE = {"site_name": "shop", "site_domain": "shop.example.org", "site_database_password": "a/b", "inventory_dir": "/inventory"}


@pytest.fixture
def known(inventory_vars: Read, tmp_path: Path) -> Known:
    """Return a function that works out a variable for a host of an inventory."""

    def read(name: str, hosts: str, host: str, **more: Any) -> Any:
        given = inventory_vars(tmp_path, {"hosts": hosts})
        loader, groups = DataLoader(), given["groups"]
        variables: dict[str, Any] = {}
        for path in sorted(CHECKOUT.glob("roles/*/defaults/main.yml")):
            variables |= loader.load_from_file(str(path), trusted_as_template=True)
        variables |= wiring() | SITE | dict(given["hostvars"].raw_get(host)) | {"groups": groups, "hostvars": given["hostvars"]}
        variables |= {"group_names": [group for group in groups if host in groups[group]], "inventory_hostname": host}
        variables |= {"__site_database_rotation": {"turn": 0, "step": "", "following": ""}, "ansible_facts": {}}
        return Templar(loader, variables | more).template(trust_as_template(f"{{{{ {name} }}}}"))

    return read


def test_the_project_finds_one_server_where_it_is_and_several_by_the_endpoint(known: Known) -> None:
    assert known("[site_database_host, site_database_port]", ONE, "web1") == ["10.0.0.31", 5432]
    assert known("[site_database_host, site_database_port]", THREE, "web1") == ["127.0.0.1", 6432]


def test_copies_are_offered_where_there_are_any(known: Known) -> None:
    assert "DATABASE_REPLICA_URL" not in known("django_environment", ONE, "web1")
    environment = known("django_environment", THREE, "web1")

    assert environment["DATABASE_URL"] == "postgres://shop:a%2Fb@127.0.0.1:6432/shop"
    assert environment["DATABASE_REPLICA_URL"] == "postgres://shop:a%2Fb@127.0.0.1:6433/shop"


@pytest.mark.parametrize(
    ("hosts", "host", "roles"),
    [
        (ONE, "db1", ["postgresql"]),
        (ONE, "web1", []),
        (THREE, "db2", ["etcd", "patroni", "postgresql"]),
        (THREE, "web1", ["database_endpoint"]),
        (DECIDED_ELSEWHERE, "db2", ["patroni", "postgresql"]),
        (DECIDED_ELSEWHERE, "d3", ["etcd"]),
    ],
)
def test_who_has_which_role(known: Known, hosts: str, host: str, roles: list[str]) -> None:
    found = known("site_host_roles", hosts, host)

    assert ("pgbackrest" in found, "pgbackrest.leave" in found) == (roles == ["postgresql"], "patroni" in roles)
    assert [role for role in found if role in ("etcd", "patroni", "postgresql", "database_endpoint")] == roles


def test_members_are_let_in_where_they_ask_and_nobody_on_one_server(known: Known) -> None:
    def ports(hosts: str, host: str) -> dict[int, list[str]]:
        return {flow["port"]: flow["sources"] for flow in known("site_flows", hosts, host) if flow["port"] in (2379, 2380, 8008)}

    assert ports(ONE, "db1") == {}
    others = ["10.0.0.32", "10.0.0.33"]
    assert ports(THREE, "db1") == {8008: ["web1"], 2379: others, 2380: others}
    assert ports(DECIDED_ELSEWHERE, "d1") == {8008: [], 2379: ["10.0.0.31", "10.0.0.32"], 2380: ["10.0.0.42", "d3"]}


def test_the_first_host_of_the_group_begins_and_shows_the_name_of_the_endpoint(known: Known) -> None:
    assert known("[postgresql_is_first, postgresql_certificate_names]", THREE, "db1") == [True, ["db1", "10.0.0.31", "127.0.0.1"]]
    assert known("postgresql_is_first", THREE, "db2") is False
    assert known("[postgresql_members, postgresql_certificate_names]", ONE, "db1") == [[], ["db1", "10.0.0.31", "127.0.0.1"]]


@pytest.mark.parametrize("playbook", ["decommission_site", "site"])
def test_what_knows_of_one_database_host_refuses_several_before_it_does_anything(playbook: str) -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8"))
    first = plays[1]["tasks"][1 if playbook == "site" else 0]

    assert first["ansible.builtin.import_tasks"] == "tasks/refuse_several_databases.yml"
    # A run of site.yml is refused where --limit leaves somebody out.
    assert first.get("when") == ("__refused_left_out | length > 0" if playbook == "site" else None)


def test_a_limit_that_leaves_out_a_member_is_refused(known: Known) -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / "site.yml").read_text(encoding="utf-8"))
    left_out = plays[1]["tasks"][1]["vars"]["__refused_left_out"].strip("{} ")

    assert known(left_out, THREE, "db1", ansible_play_hosts_all=["web1", "db1", "db2", "db3"]) == []
    assert known(left_out, THREE, "db1", ansible_play_hosts_all=["web1", "db1"]) == ["db2", "db3"]


STORAGES = f"{THREE}[db:vars]\npgbackrest_repositories=[{{'type': 's3'}}, {{'type': 's3'}}]\n"
FOLDER_TOO = f"{THREE}[db:vars]\npgbackrest_repositories=[{{'type': 's3'}}, {{'type': 'local'}}]\n"


def test_backups_are_those_of_a_database_whose_hosts_all_reach_them(known: Known) -> None:
    names = "[site_backups_enabled, postgresql_archive_enabled, django_restore_point_hosts]"
    assert known(names, ONE, "db1") == [True, True, ["db1"]]
    assert known(names, THREE, "db1") == [False, False, []]
    assert known(names, NONE, "web1") == [False, False, []]
    assert known(names, ONE, "db1", site_backups_enabled=False) == [False, False, []]
    for host in ("db1", "db3", "web1"):
        assert known(names, STORAGES, host) == [True, True, ["db1", "db2", "db3"]]
        assert known(names, FOLDER_TOO, host) == [False, False, []]


def test_members_keep_what_the_next_primary_may_have_to_archive(known: Known) -> None:
    keeps = "postgresql_members | length > 0 and postgresql_archive_enabled"
    assert known(keeps, STORAGES, "db2") and not known(keeps, THREE, "db2") and not known(keeps, ONE, "db1")


@pytest.mark.parametrize(
    ("hosts", "host", "more", "said"),
    [
        (ONE, "db1", {}, ""),
        (ONE, "db1", {"site_backups_enabled": False}, "site_backups_enabled is false"),
        (THREE, "db1", {}, "the group db has db1, db2, db3, and pgbackrest_repositories names no storage that all of them reach"),
        (STORAGES, "db1", {}, ""),
        (STORAGES, "db1", {"site_backups_enabled": False}, "site_backups_enabled is false"),
        (NONE, "web1", {}, "the group db has no host, so that whoever runs the database backs it up"),
    ],
)
def test_what_is_in_the_way_of_backups_is_told_by_name(
    known: Known, hosts: str, host: str, more: dict[str, Any], said: str
) -> None:
    assert known("site_backups_obstacle", hosts, host, **more) == said


@pytest.mark.parametrize("playbook", ["backup", "drill", "restore"])
def test_what_needs_backups_refuses_where_there_are_none_before_it_does_anything(playbook: str) -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / f"{playbook}.yml").read_text(encoding="utf-8"))
    first = plays[1]["tasks"][0]

    # Not the group db alone, which may be empty.
    assert plays[1]["hosts"] == "{{ groups | hotclub.django.all_tiers }}"
    assert first["ansible.builtin.import_tasks"] == "tasks/refuse_without_backups.yml"
    assert first["vars"]["refused_without_backups"] == f"playbooks/{playbook}.yml"


def test_the_status_is_told_why_there_are_no_backups() -> None:
    plays = yaml.safe_load((CHECKOUT / "playbooks" / "status.yml").read_text(encoding="utf-8"))

    assert plays[2]["tasks"][0]["hotclub.django.report_status"]["backups_obstacle"] == "{{ site_backups_obstacle }}"


def test_a_new_first_host_is_no_empty_server_where_another_one_has_the_database(known: Known) -> None:
    def found(**others: Any) -> bool:
        hostvars = {host: {"inventory_hostname": host} for host in ("db1", "db2", "db3")}
        for host, said in others.items():
            hostvars[host] |= said
        return bool(known("site_database_is_on_others", THREE, "db1", hostvars=hostvars))

    def says(*databases: str, by_patroni: bool = True) -> dict[str, Any]:
        server = {"databases": dict.fromkeys(databases, 1), "by_patroni": by_patroni}
        return {"__postgresql_view": {"server": server}, "__site_survey": {"settled": False}}

    assert found(db2={"__site_survey": {"settled": True}})
    assert found(db2=says("wiki"), db3=says("wiki", "shop"))
    assert not found(db2=says("wiki"), db3=says())
    # It has to be the first, to begin the cluster with what it has.
    assert not found(db2=says("shop", by_patroni=False))
    # Nobody has reached the others.
    assert not found()


@pytest.mark.parametrize(
    ("inventory", "by_patroni", "leaves"), [(ONE, True, True), (ONE, False, False), (THREE, True, False), (ONE, None, False)]
)
def test_a_server_of_patroni_leaves_where_no_cluster_is_wanted(
    known: Known, inventory: str, by_patroni: bool | None, leaves: bool
) -> None:
    seen = {} if by_patroni is None else {"__postgresql_view": {"server": {"by_patroni": by_patroni}}}
    assert known("site_database_leaves_cluster", inventory, "db1", **seen) is leaves


def test_the_authority_of_etcd_is_not_taken_for_that_of_the_site() -> None:
    task = yaml.safe_load((CHECKOUT / "playbooks" / "tasks" / "check_secrets.yml").read_text(encoding="utf-8"))[0]
    wanted = task["hotclub.django.look"]["secrets"]["certificate_folders"]
    there = ["/etc/etcd/certificate", "/etc/patroni/etcd-certificate", "/etc/patroni/certificate"]
    template = Templar(loader=DataLoader(), variables={"site_internal_certificates": there, "site_name": "shop"})

    assert template.template(trust_as_template(wanted)) == ["/etc/patroni/certificate", "/etc/ssl/hotclub/shop"]
