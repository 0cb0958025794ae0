"""Backups that nobody could make, and that go where they would not arrive, are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory, warn_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Rules, Setting


@pytest.mark.parametrize(
    ("databases", "said", "wrong"),
    [
        (["db1"], True, ""),
        (["db1", "db2", "db3"], False, ""),
        (
            ["db1", "db2", "db3"],
            True,
            "is true, and the group db has db1, db2, db3, which do not all reach a folder of one of them",
        ),
        ([], "yes", "is true, and the group db has no host that could make them"),
    ],
)
def test_backups_of_several_database_hosts_and_of_none_are_refused(databases: list[str], said: Any, wrong: str) -> None:
    groups = {"all": ["web1", *databases], "lb": ["web1"], "app": ["web1"], "db": databases}
    settings = [Setting(host, "site_backups_enabled", said) for host in groups["all"]]
    found = [line for line in check_inventory(Inventory(groups, settings), Rules({}, ())) if "and the group db has" in line]

    assert len(found) == bool(wrong) and wrong in "".join(found)
    assert all(line.startswith("site_backups_enabled") for line in found)


S3, FOLDER = {"type": "s3"}, {"type": "local"}


@pytest.mark.parametrize(
    ("repositories", "said", "wrong"),
    [
        ([[S3]] * 3, None, ""),
        ([[S3]] * 3, True, ""),
        # As it was before several hosts could have backups: off, with a remark of the status.
        ([[FOLDER]] * 3, None, ""),
        ([[FOLDER]] * 3, True, "Name storages of type s3 alone in pgbackrest_repositories"),
        ([[S3, FOLDER]] * 3, True, "Name storages of type s3 alone in pgbackrest_repositories"),
        ([[S3], [S3], [S3, S3]], None, "is not the same on db1, db2, db3"),
        ([[S3], [FOLDER], [S3]], True, "is not the same on db1, db2, db3"),
        # Of the first one, which says whether there are any.
        ([[S3], [FOLDER], [S3]], None, "is not the same on db1, db2, db3"),
    ],
)
def test_backups_of_several_database_hosts_go_where_all_of_them_reach_them(
    repositories: list[list[dict[str, str]]], said: bool | None, wrong: str
) -> None:
    databases = ["db1", "db2", "db3"]
    groups = {"all": ["web1", *databases], "lb": ["web1"], "app": ["web1"], "db": databases}
    settings = [Setting(host, "pgbackrest_repositories", one) for host, one in zip(databases, repositories, strict=True)]
    settings += [] if said is None else [Setting("db1", "site_backups_enabled", said)]
    complaints = check_inventory(Inventory(groups, settings), Rules({}, ()))
    found = [line for line in complaints if "is not the same" in line or "is true" in line]

    assert len(found) == bool(wrong) and wrong in "".join(found), found


HOST = {"type": "host"}


def found_of(keepers: list[str], databases: list[str], repositories: Any = None, **said: Any) -> tuple[str, str]:
    """What is refused, and what is remarked."""
    hosts = ["web1", *dict.fromkeys([*databases, *keepers])]
    groups = {"all": hosts, "lb": ["web1"], "app": ["web1"], "db": databases, "backup": keepers}
    settings = [Setting(host, "pgbackrest_repositories", repositories) for host in databases if repositories is not None]
    settings += [Setting(databases[0], name, value) for name, value in said.items()]
    inventory = Inventory(groups, settings)
    refused = [line for line in check_inventory(inventory, Rules({}, ())) if "backup" in line]
    return "\n".join(refused), "\n".join(line for line in warn_inventory(inventory, Rules({}, ())) if "backup" in line)


@pytest.mark.parametrize("repositories", [None, [HOST], [HOST, S3], [S3, {**HOST, "kept_fulls": 8}]])
def test_one_host_for_backups_is_fine(repositories: Any) -> None:
    assert found_of(["backup1"], ["db1"], repositories) == ("", "")
    # Also one that is an application host.
    assert found_of(["web1"], ["db1"], repositories) == ("", "")


@pytest.mark.parametrize(
    ("keepers", "databases", "repositories", "wrong"),
    [
        (["backup1", "backup2"], ["db1"], None, "group backup: has backup1, backup2, and the database's backups go to one host"),
        (["db1"], ["db1"], None, "has db1 of the group db, so that whoever loses the database loses its backups as well"),
        (["backup1"], ["db1", "db2", "db3"], None, "has backup1, and the group db has db1, db2, db3, with which it has not been"),
        (["backup1"], [], None, "has a host, and the group db has none that could send backups there"),
        ([], ["db1"], [HOST], "pgbackrest_repositories: has one of type host, and the group backup has no host"),
        (["backup1"], ["db1"], [HOST, HOST], "has 2 of type host"),
        (["backup1"], ["db1"], [{**HOST, "path": "/mnt", "bucket": "b"}], "has one of type host with bucket, path"),
    ],
)
def test_a_host_for_backups_that_would_not_do_gets_one_message(
    keepers: list[str], databases: list[str], repositories: Any, wrong: str
) -> None:
    refused, _remarked = found_of(keepers, databases, repositories)

    assert wrong in refused.replace(" (db1)", "") and refused.count("\n") == 0, refused


def test_the_folder_of_a_host_for_backups_is_said_there() -> None:
    refused, _remarked = found_of(["backup1"], ["db1"], backup_server_path="/mnt/backups")

    assert "backup_server_path" in refused and "alone" in refused


def test_a_host_to_which_nothing_is_sent_is_remarked() -> None:
    refused, remarked = found_of(["backup1"], ["db1"], [S3])

    assert not refused and "nothing is sent to backup1" in remarked and "Add {type: host}" in remarked
