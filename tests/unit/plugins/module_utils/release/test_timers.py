"""Timers on a host: who is called, what stays until a run has ended, and which releases are kept for it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import timers as timers_module
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_finish import parted

from tests.unit.plugins.module_utils.releases import MIDDLE, NEW, OLD, add


class Systemd:
    """Units of timers."""

    def __init__(self, units: Path) -> None:
        self.units = units
        self.active: set[str] = set()
        self.runs: dict[str, int] = {}
        self.told: list[tuple[str, ...]] = []
        # Units of which systemd knows when they called last.
        self.stamps: set[str] = set()

    def __call__(self, *words: str) -> Outcome:
        if words[0] == "list-units":
            return Outcome(0, "".join(f"{unit} loaded active running x\n" for unit in self.runs))
        self.told.append(words)
        if words[0] == "restart":
            self.active |= {*words[1:]}
            self.stamps |= {*words[1:]}
        if words[0] in ("stop", "disable"):
            self.active -= {*words[1:]}
        if words[0] == "clean":
            [unit] = words[2:]
            assert unit not in self.active
            assert words[1] == "--what=state"
            assert (self.units / unit).exists()
            self.stamps -= {unit}
        return Outcome(0)

    def properties_of(self, units: list[str], *names: str) -> dict[str, dict[str, str]]:
        return {
            unit: {
                "ActiveState": "active" if unit in self.active else "inactive",
                "UnitFileState": "enabled",
                "MainPID": str(self.runs.get(unit, 0)),
            }
            for unit in units
        }


@pytest.fixture
def systemd(site: Site, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    units = site.root / "units"
    units.mkdir()
    fake = Systemd(units)
    monkeypatch.setattr(timers_module, "UNITS", units)
    monkeypatch.setattr(timers_module, "systemctl", fake)
    monkeypatch.setattr(timers_module, "properties_of", fake.properties_of)
    monkeypatch.setattr(timers_module, "older", lambda *_: False)
    return fake


def wanted(site: Site, *names: str) -> Timers:
    """What role workers writes."""
    (site.root / "etc").mkdir(exist_ok=True)
    (site.root / "etc" / "timers.json").write_text(json.dumps(dict.fromkeys(names, "daily")))
    for name in names:
        for unit in (f"{name}.timer", f"{name}.service", f"{name}@.service"):
            (site.root / "units" / f"{site.name}-timer-{unit}").touch()
    return Timers(site)


def test_timers_are_called_once_they_are_wanted_and_a_second_time_changes_nothing(site: Site, systemd: Systemd) -> None:
    assert Timers(site).settled()
    timers = wanted(site, "tidy", "feeds")
    assert not timers.settled()
    assert timers.settle()
    assert systemd.active == {f"{site.name}-timer-tidy.timer", f"{site.name}-timer-feeds.timer"}
    assert timers.settled()
    assert not timers.settle()


def test_one_that_is_not_wanted_any_more_goes_when_its_run_has_ended(site: Site, systemd: Systemd) -> None:
    wanted(site, "tidy", "feeds").settle()
    systemd.runs = {f"{site.name}-timer-feeds@1.service": 0}
    timers = wanted(site, "tidy")

    assert not timers.settled()
    assert timers.settle()

    assert systemd.active == {f"{site.name}-timer-tidy.timer"}
    # One that is added anew has missed nothing.
    assert systemd.stamps == systemd.active
    left = {path.name for path in (site.root / "units").iterdir() if "feeds" in path.name}
    assert left == {f"{site.name}-timer-feeds@.service"}
    assert timers.settled()
    systemd.runs = {}
    assert not timers.settled()
    assert timers.settle()
    assert timers.there() == ["tidy"]


def test_a_release_is_kept_until_what_runs_in_it_has_ended(site: Site, systemd: Systemd) -> None:
    for release in (OLD, MIDDLE, NEW):
        add(site, release)
    site.current_link.symlink_to(f"releases/{NEW}")
    wanted(site, "tidy")
    with subprocess.Popen(["sleep", "60"], env={"SITE_RELEASE": OLD}) as process:
        systemd.runs = {f"{site.name}-timer-tidy@1.service": process.pid}
        assert OLD in parted(site, 1, "")[0]
        process.kill()
    assert OLD in parted(site, 1, "")[1]


def test_before_a_reboot_none_is_called_and_those_that_run_are_waited_for(
    site: Site, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers = wanted(site, "tidy")
    timers.settle()
    systemd.runs = {f"{site.name}-timer-tidy@1.service": 0}
    monkeypatch.setattr(time, "sleep", lambda seconds: systemd.runs.clear())

    assert timers.end()

    assert systemd.active == set()
    assert not systemd.runs


def test_runs_that_go_on_after_a_day_are_named(site: Site, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    timers = wanted(site, "tidy")
    systemd.runs = {f"{site.name}-timer-tidy@1.service": 0}
    monkeypatch.setattr(timers_module, "DAY_SECONDS", 0)
    with pytest.raises(Trouble, match=f"{site.name}-timer-tidy@1.service"):
        timers.end()
