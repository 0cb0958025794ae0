"""The watch of a host: put in place once, started anew where its timer has changed, and gone without a trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import systemd as systemd_module
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Watch
from ansible_collections.hotclub.django.plugins.module_utils.steps import site_watch

LOOK = {"name": "shop", "root": "/srv/shop", "tiers": ["app"], "database": "shop", "health": {"host": "shop.example.org"}}
WANTED = {
    "host": "web1",
    "look": LOOK,
    "urls": ["json://a/t0k3n"],
    "heartbeat_url": "",
    "interval_minutes": 5,
    "after_looks": 2,
    "deploys": False,
    "metrics": False,
}


class Systemd:
    """A systemd that does what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unit = {"ActiveState": "inactive", "UnitFileState": "disabled", "NeedDaemonReload": "no"}
        self.asked: list[str] = []
        for user in (site_watch, systemd_module):
            monkeypatch.setattr(user, "systemctl", self.systemctl)
        monkeypatch.setattr(systemd_module, "properties", lambda _unit, *_names: self.unit)

    def systemctl(self, *words: str) -> Outcome:
        self.asked.append(words[0])
        if words[0] == "daemon-reload":
            self.unit["NeedDaemonReload"] = "no"
        elif words[0] == "enable":
            self.unit["UnitFileState"] = "enabled"
        elif words[0] == "restart":
            self.unit["ActiveState"] = "active"
        return Outcome(0)


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setattr(site_watch, "refused", lambda _urls: [])
    return Systemd(monkeypatch)


@pytest.fixture
def have(tmp_path: Path) -> Callable[..., list[str]]:
    """Return a function that brings the watch to where it should be, and says what it did."""

    def done(**other: Any) -> list[str]:
        names = []
        for name, do in site_watch.have(Watch("shop", tmp_path), {**WANTED, **other}):
            names.append(name.replace(str(tmp_path), ""))
            do()
        return names

    return done


def test_it_is_put_in_place_once(systemd: Systemd, have: Callable[..., list[str]], tmp_path: Path) -> None:
    watch = Watch("shop", tmp_path)
    assert have() == ["/etc/hotclub/watch/shop.json", "/usr/local/lib/hotclub/watch/shop.pyz", "enable", "start"]
    assert have() == []
    assert watch.settings.stat().st_mode & 0o777 == 0o600
    look = json.loads(watch.settings.read_text())["look"]
    assert look["certificate_days"] == 14 and look["health"]["path"] == "/"
    watch.settings.chmod(0o644)
    assert have() == ["/etc/hotclub/watch/shop.json"]
    assert have(after_looks=3) == ["/etc/hotclub/watch/shop.json"]
    systemd.unit["NeedDaemonReload"] = "yes"
    assert have(after_looks=3) == ["daemon-reload", "start"]


def test_what_nobody_can_be_told_at_is_refused_before_anything_is_written(
    systemd: Systemd, have: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(site_watch, "refused", lambda _urls: [1])
    with pytest.raises(Trouble, match="number 1 of site_alert_urls") as refusal:
        have()
    assert "t0k3n" not in str(refusal.value) and not (tmp_path / "etc").exists()


def test_nothing_is_left_of_it(
    systemd: Systemd, have: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    watch, units = Watch("shop", tmp_path), tmp_path / "units"
    monkeypatch.setattr(site_watch, "UNITS", units)
    have()
    units.mkdir()
    (units / watch.timer).touch()
    watch.state.parent.mkdir(parents=True)
    watch.spare.parent.mkdir(parents=True)
    systemd.asked.clear()
    for _name, do in site_watch.leave(watch):
        do()
    assert systemd.asked == ["disable", "stop", "daemon-reload"]
    assert [path for path in tmp_path.rglob("*") if "shop" in path.name] == []
    assert list(site_watch.leave(watch)) == []
