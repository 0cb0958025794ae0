"""Requests that wait: what is put in the instances' place, and how everything goes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import holding
from ansible_collections.hotclub.django.plugins.module_utils.release.holding import Hold
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.sockets import Sockets

RELEASE = "20261123T081500-1a2b3c4"


class Systemd:
    """What would have been asked of systemd."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, *arguments: str) -> Outcome:
        self.asked.append(" ".join(arguments))
        return Outcome(0, "", "")

    def run(self, command: Sequence[str]) -> Outcome:
        return self(*command)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    asked = Systemd()
    monkeypatch.setattr(holding, "systemctl", asked)
    monkeypatch.setattr(holding, "run", asked.run)
    monkeypatch.setattr(holding, "RUNTIME_UNITS", tmp_path / "units")
    monkeypatch.setattr(Hold, "since_file", property(lambda self: tmp_path / "since"))
    monkeypatch.setattr(Instances, "running", lambda self: [RELEASE])
    monkeypatch.setattr(Instances, "pointed", lambda self: RELEASE)
    monkeypatch.setattr(Sockets, "names", lambda self: ["shop.socket", "shop-net.socket"])
    monkeypatch.setattr(Instances, "_start", lambda self, instance: asked("start", instance))
    return asked


@pytest.fixture
def hold(tmp_path: Path, systemd: Systemd) -> Hold:
    return Hold(Site.at("shop", str(tmp_path)))


def test_a_unit_takes_the_place_of_the_instance_before_that_stops(hold: Hold, systemd: Systemd, tmp_path: Path) -> None:
    assert hold.take(30) is True
    unit = (tmp_path / "units/shop-hold.service").read_text()
    assert "Sockets=shop.socket shop-net.socket\n" in unit
    assert "NonBlocking=yes\n" in unit
    for socket in ("shop.socket", "shop-net.socket"):
        assert "Service=shop-hold.service" in (tmp_path / f"units/{socket}.d/hold.conf").read_text()
    assert systemd.asked.index("start shop-hold.service") < systemd.asked.index(f"stop shop@{RELEASE}.service")


def test_requests_go_on_by_themselves_when_nobody_comes_back(hold: Hold, systemd: Systemd) -> None:
    hold.take(45)
    guard = next(line for line in systemd.asked if line.startswith("systemd-run"))
    assert "--on-active=45" in guard and f"systemctl start shop@{RELEASE}.service" in guard


def test_what_waits_is_not_held_twice(hold: Hold) -> None:
    hold.take(30)
    assert hold.take(30) is False


def test_the_instance_serves_before_the_place_holder_goes(hold: Hold, systemd: Systemd, tmp_path: Path) -> None:
    hold.take(30)
    assert hold.release() >= 0
    assert systemd.asked.index(f"start {RELEASE}") < systemd.asked.index("stop shop-hold.service")
    assert not list((tmp_path / "units").rglob("*.conf")) and not (tmp_path / "units/shop-hold.service").exists()
    assert not hold.is_held()


def test_nothing_is_released_that_was_not_held(hold: Hold, systemd: Systemd) -> None:
    assert hold.release() == 0.0
    assert systemd.asked == []


def test_nothing_is_held_where_nothing_runs(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instances, "running", lambda self: [])
    assert hold.take(30) is False
