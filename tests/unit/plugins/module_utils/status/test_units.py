"""Which units are trouble of a site: those that failed or can't stay, of the host's own tiers."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import units
from ansible_collections.hotclub.django.plugins.module_utils.status.units import look_at_units

FAILED = {"ActiveState": "failed", "SubState": "failed", "NRestarts": "0"}


def runs(restarts: int, seconds: float) -> dict[str, str]:
    """Return what systemd says of a unit that runs for so long, and was restarted so often."""
    since = str(int((time.monotonic() - seconds) * 1e6))
    shown = {"ActiveState": "active", "SubState": "running", "NRestarts": str(restarts)}
    return {**shown, "StateChangeTimestampMonotonic": since}


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Return the units of a host, to be filled."""
    there: dict[str, dict[str, str]] = {}

    def properties_of(patterns: Sequence[str], *_names: str) -> dict[str, dict[str, str]]:
        return {name: shown for name, shown in there.items() if any(fnmatch.fnmatch(name, each) for each in patterns)}

    monkeypatch.setattr(units, "properties_of", properties_of)
    return there


def problems(*tiers: str) -> list[str]:
    status: dict[str, Any] = {"problems": []}
    look_at_units(Site.at("shop", "/srv/shop"), tiers, status)
    return list(status["problems"])


def test_what_has_failed_is_named_with_what_to_do(systemd: dict[str, dict[str, str]]) -> None:
    systemd |= {"shop-pool@1.service": FAILED, "shop-timer-mail.service": FAILED, "other.service": FAILED}
    [problem] = problems("app")
    assert problem.startswith("shop-pool@1.service has failed: journalctl")
    assert "systemctl reset-failed 'shop-pool@1.service'" in problem


@pytest.mark.parametrize(
    ("unit", "tiers"),
    [
        ("haproxy.service", ["lb"]),
        ("keepalived.service", ["lb"]),
        ("postgresql@15-main.service", ["db"]),
        ("patroni@17-main.service", ["db"]),
        ("etcd.service", ["db", "dcs"]),
    ],
)
def test_units_of_packages_count_on_hosts_of_their_tiers(systemd: dict[str, dict[str, str]], unit: str, tiers: list[str]) -> None:
    systemd[unit] = FAILED
    assert [tier for tier in ("lb", "app", "db", "dcs", "monitoring") if problems(tier)] == tiers


@pytest.mark.parametrize(
    ("shown", "ends"),
    [
        (lambda: {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "1"}, True),
        (lambda: runs(restarts=400, seconds=2), True),
        (lambda: runs(restarts=400, seconds=3600), False),
        (lambda: runs(restarts=1, seconds=2), False),
        (lambda: {"ActiveState": "active", "SubState": "listening"}, False),
    ],
)
def test_what_ends_again_and_again_never_counts_as_failed_and_is_told_all_the_same(
    systemd: dict[str, dict[str, str]], shown: Callable[[], dict[str, str]], ends: bool
) -> None:
    # Now, and not when the tests were collected: how long ago something began is told by the clock.
    systemd["shop-pool@1.service"] = shown()
    assert ("ends again and again" in "".join(problems("app"))) == ends
