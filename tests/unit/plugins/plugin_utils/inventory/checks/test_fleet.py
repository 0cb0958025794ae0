"""What no fleet of application hosts can do is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Rules, Setting


def complaints(apps: list[str], **said: Any) -> str:
    hosts = ["lb1", *apps, "db1"]
    groups = {"all": hosts, "lb": ["lb1"], "app": apps, "db": ["db1"]}
    settings = [
        Setting(name, variable, value)
        for variable, value in said.items()
        for name in (apps if variable.startswith("site_app_") else hosts)
    ]
    return "\n".join(check_inventory(Inventory(groups, settings), Rules({}, ())))


def test_local_media_on_several_hosts_are_refused_with_both_remedies() -> None:
    found = complaints(["app1", "app2"])

    assert "site_media_storage" in found and "Set it to s3" in found and "or to shared" in found


@pytest.mark.parametrize("storage", ["s3", "shared", "none"])
def test_media_that_all_hosts_reach_are_fine(storage: str) -> None:
    assert "each keep the files" not in complaints(["app1", "app2"], site_media_storage=storage)


def test_draining_everybody_is_refused() -> None:
    assert "so that nobody answers" in complaints(["app1"], site_app_drained=True)


def test_a_hash_of_nothing_is_refused() -> None:
    assert "nothing says of what" in complaints(["app1"], site_balance_method="hash")


def test_the_share_of_a_host_that_takes_no_requests_is_refused() -> None:
    groups = {"all": ["web1", "db1"], "lb": ["web1"], "app": ["web1"], "db": ["db1"]}
    found = check_inventory(Inventory(groups, [Setting("db1", "site_app_weight", 2)]), Rules({}, ()))

    assert any("application hosts alone" in line for line in found)


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


def test_a_sign_of_life_that_several_hosts_give_is_refused() -> None:
    groups = {"all": ["web1", "web2"], "lb": ["web1"], "app": ["web1", "web2"], "db": ["web1"]}

    def found(*urls: str) -> str:
        settings = [Setting(host, "site_heartbeat_url", url) for host, url in zip(groups["all"], urls, strict=True)]
        return "\n".join(check_inventory(Inventory(groups, settings), Rules({}, ())))

    same = found("https://life.example/t0k3n", "https://life.example/t0k3n")
    assert "falls silent" in same and "inventory_hostname" in same and "t0k3n" not in same
    assert "falls silent" not in found("https://life.example/web1", "https://life.example/web2")


@pytest.mark.parametrize(
    ("calendar", "zones", "refused"),
    [
        ("Mon 06:00", ["Etc/UTC", "Europe/Zurich"], True),
        ("daily", ["", "Europe/Zurich"], True),
        ("*-*-* 06:00 Mon", ["", "Europe/Zurich"], True),
        ("Mon 06:00 Europe/Zurich", ["Etc/UTC", "Europe/Zurich"], False),
        ("*:0/15 UTC", ["Etc/UTC", "Europe/Zurich"], False),
        ("Mon 06:00", ["Europe/Zurich", "Europe/Zurich"], False),
        ("Mon 06:00", ["", "Etc/UTC"], False),
    ],
)
def test_a_timer_that_would_be_due_at_several_moments_is_refused(calendar: str, zones: list[str], refused: bool) -> None:
    apps = ["app1", "app2"]
    groups = {"all": apps, "lb": ["app1"], "app": apps, "db": ["app1"]}
    settings = [Setting(host, "site_timers", [{"name": "tidy", "command": "x", "calendar": calendar}]) for host in apps]
    settings += [Setting(host, "os_timezone", zone) for host, zone in zip(apps, zones, strict=True) if zone]

    found = [line for line in check_inventory(Inventory(groups, settings), Rules({}, ())) if "names no time zone" in line]

    assert len(found) == refused
    assert all("has the timer tidy" in line and "Europe/Zurich on app2" in line for line in found)
    # Where other hosts run them, those count.
    groups["worker"] = ["app1"]
    assert "names no time zone" not in "".join(check_inventory(Inventory(groups, settings), Rules({}, ())))


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
