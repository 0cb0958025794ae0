"""What the tables of a status say."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.status_table import status_table

from tests.unit.plugins.statuses import balancer, server


def test_the_status_names_what_is_wrong_and_leaves_empty_columns_out() -> None:
    table = status_table({"web1": {"tiers": ["app"], "release": "r1"}, "web2": {"problems": ["unreachable"]}}, "shop")

    assert "web1  app    r1" in table
    assert "DATABASE" not in table
    assert "shop is in trouble:\n  web2: unreachable" in table
    assert "\nshop is well.\n" in status_table({"web1": {"tiers": ["lb"]}}, "shop")


def test_one_server_has_one_table() -> None:
    assert "SEEN BY" not in status_table({"web1": {"tiers": ["lb", "app", "db"], "release": "r1"}}, "shop")


def test_certificates_between_hosts_have_a_column_where_there_are_any() -> None:
    status = {"tiers": ["db"], "internal_certificate_days": 700}

    assert "INTERNAL TLS" in status_table({"db1": status}, "shop")
    assert "700 days" in status_table({"db1": status}, "shop")
    assert "INTERNAL TLS" not in status_table({"db1": {"tiers": ["db"]}}, "shop")


def test_each_balancer_tells_how_it_sees_each_host() -> None:
    statuses = {
        "lb1": balancer(server("app1", sessions=3), server("app2", "DOWN", weight=5)),
        "lb2": balancer(server("app1"), server("app3", "MAINT")),
    }

    lines = status_table(statuses, "shop").splitlines()

    assert lines[lines.index("") + 1 :][:4] == [
        "SEEN BY  lb1                     lb2",
        "app1     UP, weight 1, 3 open    UP, weight 1, 0 open",
        "app2     DOWN, weight 5, 0 open  -",
        "app3     -                       MAINT, weight 1, 0 open",
    ]


def test_a_balancer_that_cannot_be_asked_leaves_no_table() -> None:
    table = status_table({"lb1": {"tiers": ["lb"], "problems": ["HAProxy does not answer"]}}, "shop")

    assert "SEEN BY" not in table and "lb1: HAProxy does not answer" in table


def test_upgrades_that_wait_are_counted_and_remarks_are_no_trouble() -> None:
    updates = {"count": 12, "security": ["haproxy", "nginx"], "days": 9}
    table = status_table(
        {"web1": {"tiers": ["lb"], "updates": updates, "remarks": ["nginx.service still runs old code"]}}, "shop"
    )

    assert "12 wait, 2 for security, 9 days" in table
    assert "shop is well.\n\nWorth knowing:\n  web1: nginx.service still runs old code\n" in table
    assert "none wait" in status_table({"web1": {"updates": {"count": 0, "security": [], "days": 0}}}, "shop")


def test_the_status_says_that_it_knows_of_no_backup() -> None:
    unknown = status_table({"web1": {"tiers": ["db"]}}, "shop")
    named = status_table({"web1": {"tiers": ["db"]}}, "shop", "pgBackRest to backup1, nightly")

    assert unknown.splitlines()[-1].startswith("  shop: no backup of database and uploads is known")
    assert named.splitlines()[-1] == "  shop: backups: pgBackRest to backup1, nightly (as site_backups says, not looked at)"


def test_the_status_says_why_there_are_no_backups() -> None:
    told = status_table({"db1": {"tiers": ["db"]}}, "shop", "", "the group db has db1, db2, db3")

    assert "none is made here, since the group db has db1, db2, db3. Say in site_backups what makes them" in told.splitlines()[-1]


def test_nothing_is_said_of_backups_while_the_database_host_cannot_be_asked() -> None:
    statuses = {"app1": {"tiers": ["app"]}, "db1": {"problems": ["is unreachable"]}}

    assert status_table(statuses, "shop").splitlines()[-1] == "  shop: backups are not known: db1 could not be asked"


def test_members_of_a_database_have_a_column_where_there_are_any() -> None:
    leads = {"role": "leader", "state": "running", "timeline": 3, "behind_mb": 0.0}
    follows = {"role": "follows", "state": "streaming", "timeline": 3, "behind_mb": 1.5}
    away = {"role": "follows", "state": "away", "timeline": None, "behind_mb": 0.0}
    table = status_table(
        {f"db{n}": {"tiers": ["db"], "member": part} for n, part in enumerate((leads, follows, away), 1)}, "shop"
    )

    assert re.search(r"db1 .*leader, timeline 3$", table, re.MULTILINE)
    assert re.search(r"db2 .*follows, timeline 3, 1.5 MiB behind$", table, re.MULTILINE)
    assert re.search(r"db3 .*follows, away$", table, re.MULTILINE)


def test_where_nobody_is_told_of_trouble_is_worth_knowing() -> None:
    told: dict[str, Any] = {"tells": True, "looked": 0, "untold": {}}
    alone = "shop: nobody is told of trouble by itself. Say in site_alert_urls"
    assert alone in status_table({"web1": {"tiers": ["lb"]}}, "shop")
    assert alone in status_table({"web1": {"tiers": ["lb"], "watch": told | {"tells": False}}}, "shop")
    assert "nobody is told" not in status_table({"web1": {"tiers": ["lb"], "watch": told}}, "shop")
    both: dict[str, dict[str, Any]] = {
        "web1": {"tiers": ["lb"], "watch": told},
        "web2": {"tiers": ["app"]},
        "web3": {"problems": ["away"]},
    }
    assert "nobody is told of trouble of web2 by itself" in status_table(both, "shop")


def test_releases_are_told_by_the_first_host_that_was_asked() -> None:
    entry = {"at": "2026-11-23T08:15:00Z", "by": "ada on laptop", "action": "rollback", "release": "20261123T081500-1a2b3c4"}
    table = status_table({"lb1": {"tiers": ["lb"]}, "app1": {"history": [entry]}, "app2": {"history": [entry]}}, "shop")

    assert [line.split("  ")[0] for line in table.splitlines()].count("2026-11-23T08:15:00Z") == 1
    assert "BEGAN TO SERVE" in table and "ada on laptop" in table
    assert "BEGAN TO SERVE" not in status_table({"app1": {"tiers": ["app"]}}, "shop")


def test_a_run_is_one_row_with_all_hosts_that_it_has_changed() -> None:
    run = {"run": "ab12", "by": "ada@laptop", "from": "root@192.0.2.7", "verb": "deploy", "arguments": {"site_version": "v2"}}
    on_app1 = {**run, "at": "2026-11-23T08:15:00Z", "until": "2026-11-23T08:16:00Z", "steps": ["release_build"], "failed": []}
    on_app2 = {
        **run,
        "at": "2026-11-23T08:15:01Z",
        "until": "2026-11-23T08:17:00Z",
        "steps": [],
        "failed": ["release_build: no room"],
    }
    before = {**on_app1, "run": "cd34", "at": "2026-11-22T08:15:00Z", "verb": "site", "arguments": {}}
    table = status_table({"app1": {"verbs": [before, on_app1]}, "app2": {"verbs": [on_app2]}, "lb1": {"verbs": []}}, "shop")

    begins = table.index("BEGAN")
    site, deploy = table[begins:].splitlines()[1:3]
    assert site.split("  ")[0] == "2026-11-22T08:15:00Z"
    assert site.rstrip().endswith("app1       changed: release_build")
    words = ("08:15:00Z", "08:17:00Z", "ada@laptop", "root@192.0.2.7", "deploy", "site_version=v2", "app1,app2")
    assert [word for word in (*words, "failed: app2, release_build: no room") if word not in deploy] == []
    assert "BEGAN" not in status_table({"app1": {"verbs": []}}, "shop")
    cut = {**on_app1, "open": ["release_migrate"]}
    assert "goes on, or was cut off: app1, release_migrate" in status_table({"app1": {"verbs": [cut]}}, "shop")
