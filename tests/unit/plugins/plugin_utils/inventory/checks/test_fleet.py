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
