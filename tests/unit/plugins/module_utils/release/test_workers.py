"""Workers of several releases: who starts, who is told to finish, whom nobody touches, and what stays on the disk for them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import systemd as systemd_module
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import workers as workers_module
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import (
    Workers,
    instance_of,
    instances_in,
    is_starting,
)
from ansible_collections.hotclub.django.plugins.module_utils.status import background
from ansible_collections.hotclub.django.plugins.module_utils.status.background import look_at_workers
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_finish import parted

from tests.unit.plugins.module_utils.releases import MIDDLE, NEW, OLD, add

NEWEST = "20260104T000000-ddddddd"


class Systemd:
    """Units of workers: those that are told to finish go on until a test lets them end."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.signalled: list[str] = []
        self.started: list[str] = []
        self.result = "timeout"
        self.dies: set[str] = set()
        # Workers that must not run twice.
        self.alone: set[str] = set()

    def __call__(self, *words: str) -> Outcome:
        options, units = [w for w in words[1:] if w.startswith("-")], [w for w in words[1:] if not w.startswith("-")]
        if words[0] == "list-units":
            return Outcome(0, "".join(f"{unit} loaded {state} x y\n" for unit, state in self.states.items()))
        for unit in units:
            if words[0] == "start":
                assert self.states.get(unit) is None, f"{unit} is there already"
                twice = [there for there in self.states if there.split("@")[0] == unit.split("@")[0]]
                assert not (twice and unit.split("@")[0] in self.alone), f"{unit} runs beside {twice}"
                self.states[unit] = "active"
                self.started.append(unit)
            elif words[0] == "stop" and "--no-block" in options:
                if self.states.get(unit) == "active":
                    self.states[unit] = "deactivating"
                    self.signalled.append(unit)
            elif words[0] in ("stop", "reset-failed", "kill"):
                self.states.pop(unit, None)
        return Outcome(0)

    def run(self, command: list[str], **options: Any) -> Outcome:
        assert command[0] == "systemctl"
        return self(*command[1:])

    def properties_of(self, units: list[str], *names: str) -> dict[str, dict[str, str]]:
        state = {unit: self.states.get(unit, "inactive") for unit in units}
        return {
            unit: {
                "ActiveState": state[unit],
                "SubState": "running",
                "NRestarts": "1" if any(part in unit for part in self.dies) else "0",
                "MainPID": "0",
                "Result": self.result,
                "StateChangeTimestamp": "Mon 2026-11-23 08:15:00 UTC",
                "TimeoutStopUSec": "1h",
            }
            for unit in units
        }


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    fake = Systemd()
    monkeypatch.setattr(workers_module, "systemctl", fake)
    monkeypatch.setattr(workers_module, "run", fake.run)
    monkeypatch.setattr(workers_module, "properties_of", fake.properties_of)
    monkeypatch.setattr(background, "properties_of", fake.properties_of)
    monkeypatch.setattr(workers_module, "older", lambda unit, since, files: False)
    monkeypatch.setattr(workers_module, "last_words", lambda site, unit, release: ["ModuleNotFoundError: celery"])
    monkeypatch.setattr(workers_module, "UNITS", tmp_path / "units")
    (tmp_path / "units" / "multi-user.target.wants").mkdir(parents=True)
    monkeypatch.setattr(Site, "fill_in", lambda self, release, checking=False: False)
    return fake


@pytest.fixture
def say(site: Site, tmp_path: Path) -> Callable[..., Workers]:
    """Return a function that writes what the inventory says of the workers."""

    def write(units: dict[str, bool], **more: Any) -> Workers:
        (site.root / "etc" / "workers").mkdir(parents=True, exist_ok=True)
        (site.root / "etc" / "workers.json").write_text(json.dumps({"units": units, "proof_seconds": 0, **more}))
        for worker in units:
            (tmp_path / "units" / f"shop-worker-{worker}@.service").touch()
            (site.root / "etc" / "workers" / f"{worker}.env").touch()
        return Workers(site)

    for release in (OLD, MIDDLE, NEW, NEWEST):
        add(site, release)
    return write


def unit(worker: str, instance: str) -> str:
    return f"shop-worker-{worker}@{instance}.service"


def test_new_ones_start_beside_the_old_ones_which_are_told_once(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True, "mail-2": True})
    assert workers.change_over(OLD) is True
    assert workers.change_over(OLD) is False

    assert workers.change_over(MIDDLE) is True

    assert workers.pointed() == {"mail": MIDDLE, "mail-2": MIDDLE}
    assert systemd.states == {
        unit("mail", OLD): "deactivating",
        unit("mail-2", OLD): "deactivating",
        unit("mail", MIDDLE): "active",
        unit("mail-2", MIDDLE): "active",
    }
    workers.change_over(NEW)
    assert sorted(systemd.signalled) == sorted(unit(name, release) for name in ("mail", "mail-2") for release in (OLD, MIDDLE))


def test_a_release_whose_workers_finish_still_is_in_use(systemd: Systemd, say: Callable[..., Workers], site: Site) -> None:
    workers = say({"mail": True})
    for release in (OLD, MIDDLE):
        workers.change_over(release)
    site.current_link.symlink_to(f"releases/{MIDDLE}")

    assert parted(site, 1, "") == ([OLD, MIDDLE, NEW, NEWEST], [])
    systemd.states.pop(unit("mail", OLD))
    assert parted(site, 1, "") == ([MIDDLE, NEW, NEWEST], [OLD])


def test_going_back_to_a_release_that_finishes_starts_others_of_it(
    systemd: Systemd, say: Callable[..., Workers], site: Site
) -> None:
    workers = say({"mail": True})
    for release in (OLD, NEW, OLD):
        workers.change_over(release)

    assert workers.pointed() == {"mail": f"{OLD}.w2"}
    assert site.release(f"{OLD}.w2").resolve() == site.release(OLD).resolve()
    assert systemd.states[unit("mail", OLD)] == "deactivating"
    # Whoever runs by an alias imports by it.
    workers.tidy()
    assert site.release(f"{OLD}.w2").is_symlink()
    workers.change_over("")
    systemd.states.clear()
    workers.tidy()
    assert not site.release(f"{OLD}.w2").is_symlink() and site.release(OLD).is_dir()


def test_one_that_does_not_live_changes_nothing(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True, "rows": True})
    workers.change_over(OLD)
    systemd.dies = {f"rows@{NEW}"}

    with pytest.raises(Trouble, match=f"The worker rows of release {NEW} ended after its start") as raised:
        workers.change_over(NEW)

    assert "ModuleNotFoundError" in str(raised.value)
    assert workers.pointed() == {"mail": OLD, "rows": OLD}
    assert [systemd.states[unit(name, OLD)] for name in ("mail", "rows")] == ["active", "active"]
    assert [systemd.states[unit(name, NEW)] for name in ("mail", "rows")] == ["deactivating", "deactivating"]


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("starts_until", "dies_at", "lives"),
    [
        # It sleeps soon, and is believed after the seconds of the proof.
        (1.0, 7.0, True),
        # Of a busy host: it is computing still, and finds out only then that a module is missing.
        (9.0, 9.0, False),
        # It has slept for a second.
        (9.0, 11.0, True),
        # It is at work by then, whatever it looks like.
        (1000.0, 40.0, True),
    ],
)
def test_one_that_is_starting_still_is_awaited(
    systemd: Systemd,
    say: Callable[..., Workers],
    monkeypatch: pytest.MonkeyPatch,
    starts_until: float,
    dies_at: float,
    lives: bool,
) -> None:
    clock, shown = Clock(), systemd.properties_of
    workers = say({"mail": True}, proof_seconds=5)

    def properties_of(units: list[str], *names: str) -> dict[str, dict[str, str]]:
        systemd.dies = {"mail"} if clock.now >= dies_at else set()
        return shown(units, *names)

    monkeypatch.setattr(workers_module, "time", clock)
    monkeypatch.setattr(workers_module, "properties_of", properties_of)
    monkeypatch.setattr(workers_module, "is_starting", lambda process, seconds: clock.now < starts_until)

    if lives:
        assert workers.change_over(OLD) is True
        assert clock.now >= 5
    else:
        with pytest.raises(Trouble, match="ended after its start"):
            workers.change_over(OLD)


def test_a_process_that_computes_is_starting_until_it_has_done_so_for_long() -> None:
    assert is_starting(str(os.getpid()), 1e9)
    assert not is_starting(str(os.getpid()), 0)
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            deadline = time.monotonic() + 10
            while is_starting(str(sleeper.pid), 1e9) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not is_starting(str(sleeper.pid), 1e9)
        finally:
            sleeper.kill()
    assert not is_starting(str(sleeper.pid), 1e9)


def test_one_that_must_not_run_twice_ends_before_the_next_starts(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"beat": False})
    workers.change_over(OLD)

    workers.change_over(NEW)

    assert systemd.states == {unit("beat", NEW): "active"} and systemd.signalled == []


def test_one_that_was_handed_over_runs_again_when_the_next_does_not_live(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"beat": False, "mail": True})
    workers.change_over(OLD)
    systemd.dies, systemd.alone = {f"mail@{NEW}"}, {"shop-worker-beat"}

    with pytest.raises(Trouble):
        workers.change_over(NEW)

    # The newer one, which may have taken tasks, had ended before the old one started.
    assert systemd.states == {
        unit("beat", OLD): "active",
        unit("mail", OLD): "active",
        unit("mail", NEW): "deactivating",
    }
    assert workers.pointed() == {"beat": OLD, "mail": OLD}


def test_a_third_older_release_is_refused_by_name_before_anything_is_told(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True})
    for release in (OLD, MIDDLE, NEW):
        workers.change_over(release)
    before = dict(systemd.states)

    with pytest.raises(Trouble, match=unit("mail", OLD)):
        workers.refuse_too_many()
    with pytest.raises(Trouble, match=f"kill --signal=SIGKILL {unit('mail', OLD)}"):
        workers.change_over(NEWEST)

    assert systemd.states == before
    # The way back of a failure is open all the same.
    assert workers.change_over(MIDDLE, back=True) is True
    systemd.states.pop(unit("mail", OLD))
    systemd.states.pop(unit("mail", NEW))
    assert workers.change_over(NEWEST) is True


def test_where_it_is_said_the_oldest_are_ended_instead(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True}, when_too_many="end")
    for release in (OLD, MIDDLE, NEW):
        workers.change_over(release)

    workers.refuse_too_many()
    workers.change_over(NEWEST)

    assert unit("mail", OLD) not in systemd.states
    assert systemd.states[unit("mail", NEW)] == "deactivating"


def test_settings_of_one_worker_replace_it_alone(
    systemd: Systemd, say: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    workers = say({"mail": True, "rows": True})
    workers.change_over(OLD)
    site.current_link.symlink_to(f"releases/{OLD}")
    assert workers.settled()
    monkeypatch.setattr(workers_module, "older", lambda name, since, files: name == unit("mail", OLD))
    assert not workers.settled()

    workers.change_over(OLD)

    assert workers.pointed() == {"mail": f"{OLD}.w2", "rows": OLD}
    assert systemd.states[unit("mail", OLD)] == "deactivating" and systemd.states[unit("rows", OLD)] == "active"
    assert workers.settled()


def test_a_worker_that_is_gone_finishes_and_its_unit_stays_for_as_long(
    systemd: Systemd, say: Callable[..., Workers], site: Site, tmp_path: Path
) -> None:
    say({"mail": True, "rows": True}).change_over(OLD)
    site.current_link.symlink_to(f"releases/{OLD}")
    (site.root / "etc" / "workers.json").unlink()
    workers = Workers(site)
    assert not workers.settled()

    assert workers.change_over(OLD) is True

    # systemd would forget how long its tasks may take.
    assert (tmp_path / "units" / "shop-worker-mail@.service").exists() and workers.settled()
    assert systemd.states[unit("mail", OLD)] == "deactivating" and workers.pointed() == {}
    systemd.states.clear()
    assert workers.change_over(OLD) is False
    assert list((tmp_path / "units").glob("shop-worker-*")) == [] and list((site.root / "etc" / "workers").iterdir()) == []


def test_of_two_that_would_start_at_boot_the_newer_one_stays(systemd: Systemd, say: Callable[..., Workers], site: Site) -> None:
    workers = say({"mail": True})
    workers.change_over(NEW)
    site.current_link.symlink_to(f"releases/{NEW}")
    older = workers._wants / unit("mail", OLD)
    older.symlink_to("/nowhere")
    assert workers.pointed() == {"mail": NEW} and not workers.settled()

    workers.change_over(NEW)

    assert not older.is_symlink() and workers.settled()


def test_a_site_without_workers_asks_systemd_nothing(systemd: Systemd, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(workers_module, "systemctl", lambda *words: asked.append(words))
    workers = Workers(site)

    assert workers.settled() and workers.in_use() == set() and workers.change_over(OLD) is False
    workers.refuse_too_many()
    assert asked == []


def test_a_release_that_is_given_up_keeps_nobody_working(systemd: Systemd, say: Callable[..., Workers], site: Site) -> None:
    workers = say({"mail": True})
    workers.change_over(NEW)

    workers.discard(NEW)

    assert systemd.states == {unit("mail", NEW): "deactivating"} and workers.pointed() == {}
    # Until it has ended, it may import more of its release.
    assert NEW in parted(site, 5, NEW)[0]


def test_an_interrupted_change_over_is_finished_by_the_next(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True})
    workers.change_over(OLD)
    systemd("start", unit("mail", NEW))

    workers.change_over(NEW)

    assert workers.pointed() == {"mail": f"{NEW}.w2"}
    assert [systemd.states[unit("mail", name)] for name in (OLD, NEW, f"{NEW}.w2")] == ["deactivating", "deactivating", "active"]


def test_renewed_ones_are_of_the_same_release(systemd: Systemd, say: Callable[..., Workers]) -> None:
    workers = say({"mail": True})
    workers.change_over(OLD)

    assert workers.change_over(OLD, renewed=True) is True
    assert workers.pointed() == {"mail": f"{OLD}.w2"} and systemd.states[unit("mail", OLD)] == "deactivating"
    assert workers.end() is True and systemd.states == {} and workers.pointed() == {"mail": f"{OLD}.w2"}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("timeout", "was killed before it had finished"),
        ("signal", "was killed before it had finished"),
        ("oom-kill", "was killed before it had finished"),
        ("exit-code", "has failed"),
    ],
)
def test_the_status_tells_who_finishes_who_was_killed_and_who_is_missing(
    systemd: Systemd, say: Callable[..., Workers], site: Site, result: str, said: str
) -> None:
    systemd.result = result
    workers = say({"mail": True, "rows": True})
    workers.change_over(OLD)
    workers.change_over(NEW)
    site.current_link.symlink_to(f"releases/{NEW}")
    systemd.states[unit("rows", OLD)] = "failed"
    systemd.states.pop(unit("rows", NEW))
    status: dict[str, Any] = {"problems": [], "remarks": [], "unsettled": []}

    look_at_workers(site, status)

    assert status["workers"] == {"running": 1, "finishing": 1}
    assert [text for text in status["remarks"] if f"mail of release {OLD} finishes its tasks" in text and "after 1h" in text]
    assert [text for text in status["remarks"] if f"rows of release {OLD} {said}" in text]
    assert [text for text in status["problems"] if text.startswith("the worker rows does not run")]


def test_units_of_workers_are_told_from_others() -> None:
    found = instance_of("shop-worker-mail-2@20260101T000000-aaaaaaa.w3.service", "shop")
    assert found is not None and (found.worker, found.name, found.release) == ("mail-2", f"{OLD}.w3", OLD)
    assert instance_of(f"shop@{OLD}.service", "shop") is None
    assert instance_of(f"blog-worker-mail@{OLD}.service", "shop") is None
    listed = f"{unit('mail', OLD)} loaded inactive dead x\n{unit('mail', NEW)} loaded activating auto-restart x\n\n"
    assert [(one.name, one.runs) for one in instances_in(listed, "shop")] == [(NEW, True)]


def test_properties_of_several_units_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "Id=a.service\nActiveState=active\n\nId=b.service\nActiveState=failed\n"
    monkeypatch.setattr(systemd_module, "systemctl", lambda *words: Outcome(0, shown))

    found = systemd_module.properties_of(["a.service", "b.service"], "ActiveState")

    assert {unit: block["ActiveState"] for unit, block in found.items()} == {"a.service": "active", "b.service": "failed"}
    assert systemd_module.properties_of([], "ActiveState") == {}
