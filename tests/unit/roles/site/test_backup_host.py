"""A host that keeps the database's backups: what follows for it and for those that send them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.roles.site.test_database_cluster import ONE, THREE, Known, known

__all__ = ["known"]

KEEPER = "[backup]\nbackup1 private_address=10.0.0.51\n"
SERVER = "backup_server"


def port(known: Known, hosts: str, host: str, **more: Any) -> list[list[str]]:
    """Whom a host lets in for backups."""
    flows = known("site_flows", hosts, host, site_backup_port=10432, **more)
    return [flow["sources"] for flow in flows if flow["port"] == 10432]


def test_the_databases_host_sends_its_backups_there_by_itself(known: Known) -> None:
    hosts = ONE + KEEPER

    assert known("site_backups_enabled", hosts, "db1") is True
    assert known("pgbackrest_repositories", hosts, "db1") == [{"type": "host"}]
    assert known("[pgbackrest_host_name, pgbackrest_host_address]", hosts, "db1") == ["backup1", "10.0.0.51"]
    assert SERVER in known("site_host_roles", hosts, "backup1") and "pgbackrest" in known("site_host_roles", hosts, "db1")
    assert SERVER in known("site_certificate_roles", hosts, "backup1")
    assert "pgbackrest" in known("site_certificate_roles", hosts, "db1")
    assert port(known, hosts, "backup1") == [["10.0.0.31"]]
    # It lets nobody in there, and nothing leads from the host that keeps backups to a database.
    assert port(known, hosts, "db1") == [[]]
    assert known("backup_server_clients", hosts, "backup1") == ["db1"]


def test_where_it_lies_is_what_that_host_says(known: Known) -> None:
    hosts = f"{ONE}[backup]\nbackup1 backup_server_path=/mnt/backups\n"

    assert known("pgbackrest_host_path", hosts, "db1") == "/mnt/backups"
    assert known("site_look.backups_kept", hosts, "backup1", site_domain="x") == "/mnt/backups"
    assert known("site_look.backups_kept", hosts, "web1", site_domain="x") == ""


@pytest.mark.parametrize("more", ['pgbackrest_repositories=\'[{"type": "s3"}]\'', "site_backups_enabled=false"])
def test_nothing_listens_where_nothing_is_sent(known: Known, more: str) -> None:
    hosts = f"{ONE}{KEEPER}[all:vars]\n{more}\n"

    assert f"{SERVER}.leave" in known("site_host_roles", hosts, "backup1")
    assert port(known, hosts, "backup1") == []


def test_without_such_a_host_everything_stays_as_it_was(known: Known) -> None:
    assert known("pgbackrest_repositories", ONE, "db1") == [{"type": "local"}]
    assert known("site_backups_enabled", ONE, "db1") is True and known("site_backups_enabled", THREE, "db1") is False
    assert port(known, ONE, "db1") == [] and "pgbackrest" not in known("site_certificate_roles", ONE, "db1")


def test_it_can_not_leave_while_backups_are_sent_to_it(known: Known) -> None:
    hosts = ONE + KEEPER

    assert known("site_backup_host_is_used", hosts, "db1", decommission_host="backup1") is True
