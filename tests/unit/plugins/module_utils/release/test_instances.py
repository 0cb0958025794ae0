"""Hosts whose turn comes later: an instance that waits for the switch, and what becomes of one whose turn never comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import instances as instances_module
from ansible_collections.hotclub.django.plugins.module_utils.release import sockets as sockets_module
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances, slow_remedy
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.sockets import Sockets

KNOWING = ("units/shop@.service", "etc/gunicorn.conf.py")
OLD, NEW = "20261123T081500-1a2b3c4", "20261124T081500-5d6e7f8"


class Systemd:
    """Units that start and stop at a word."""

    def __init__(self, *running: str) -> None:
        self.running = list(running)
        self.refused: set[str] = set()
        self.told: set[str] = set()

    def __call__(self, *words: str) -> Outcome:
        self.told.add(" ".join(word for word in words if not word.startswith("--")))
        units = [word.removeprefix("shop@").removesuffix(".service") for word in words[1:]]
        if words[0] == "start":
            if self.refused & set(units):
                return Outcome(1, "", "")
            self.running += [unit for unit in units if unit not in self.running]
        if words[0] == "stop":
            self.running = [unit for unit in self.running if unit not in units]
        return Outcome(int(words[0] == "is-active"), "", "")


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    units = Systemd(OLD)
    for module in (instances_module, sockets_module):
        monkeypatch.setattr(module, "systemctl", units)
        monkeypatch.setattr(module, "UNITS", tmp_path / "units")
    monkeypatch.setattr(instances_module, "RUNTIME", tmp_path / "run")
    monkeypatch.setattr(Instances, "running", lambda self: sorted(units.running))
    monkeypatch.setattr(Instances, "stale", lambda self, instance: False)
    monkeypatch.setattr(Sockets, "closed", lambda self: [])
    monkeypatch.setattr(Sockets, "stale", lambda self: [])
    monkeypatch.setattr(Instances, "_await_answer", lambda self, unit, path, instance: None)
    monkeypatch.setattr(Instances, "_failure", lambda self, unit, instance, what, detail="": Trouble(what, "", ""))
    return units


@pytest.fixture
def instances(tmp_path: Path, systemd: Systemd) -> Instances:
    for release in (OLD, NEW):
        (tmp_path / "releases" / release).mkdir(parents=True)
    found = Instances(Site.at("shop", str(tmp_path)), HealthCheck(host="localhost", path="/", statuses=("200",), seconds=1))
    (tmp_path / "units").mkdir()
    (tmp_path / "units/shop.socket").touch()
    (tmp_path / "etc").mkdir()
    for file in KNOWING:
        (tmp_path / file).write_text("GUNICORN_INSTANCE")
    found._point(OLD)
    return found


def test_who_is_ready_runs_beside_what_serves_and_waits(instances: Instances, systemd: Systemd) -> None:
    instances.ready(NEW)
    assert systemd.running == [OLD, NEW]
    assert instances.waiting() == [NEW]
    assert instances.pointed() == OLD


def test_the_switch_lets_it_go_on_and_starts_no_other(instances: Instances, systemd: Systemd) -> None:
    instances.ready(NEW)
    assert instances.switch(NEW, "deploy", "somebody", proved=True).instance == NEW
    assert systemd.running == [NEW]
    assert instances.waiting() == []


def test_who_waits_for_another_release_ends_with_the_next_switch(instances: Instances, systemd: Systemd) -> None:
    instances.ready(NEW)
    assert instances.switch(OLD, "deploy", "somebody", proved=True).instance == f"{OLD}.2"
    assert systemd.running == [f"{OLD}.2"]
    assert instances.waiting() == []


@pytest.mark.parametrize("what", ["restored", "settled"])
def test_who_waits_for_nothing_ends_and_what_serves_is_left_alone(instances: Instances, systemd: Systemd, what: str) -> None:
    instances.ready(NEW)
    assert (instances.restore(OLD) if what == "restored" else instances.settle()) is False
    assert systemd.running == [OLD]
    assert instances.waiting() == []


def test_what_has_changed_since_it_was_made_ready_is_started_anew(
    instances: Instances, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    instances.ready(NEW)
    monkeypatch.setattr(Instances, "stale", lambda self, instance: True)
    instances.switch(NEW, "deploy", "somebody", proved=True)
    assert systemd.running == [NEW]
    assert instances.waiting() == []


def test_a_release_that_does_not_start_leaves_nothing_behind(instances: Instances, systemd: Systemd) -> None:
    systemd.refused = {NEW}
    with pytest.raises(Trouble):
        instances.ready(NEW)
    assert systemd.running == [OLD]
    assert instances.waiting() == []


def test_a_host_that_serves_nothing_has_no_need_to_wait(instances: Instances, systemd: Systemd, tmp_path: Path) -> None:
    (tmp_path / "units/shop.socket.d/current.conf").unlink()
    instances.ready(NEW)
    assert systemd.running == [OLD]
    assert instances.waiting() == []


@pytest.mark.parametrize("file", KNOWING)
def test_workers_that_do_not_know_to_wait_are_not_started(
    instances: Instances, systemd: Systemd, tmp_path: Path, file: str
) -> None:
    """A deploy after an update of the collection, before site.yml has written these files."""
    (tmp_path / file).write_text("As it was.")
    instances.ready(NEW)
    assert systemd.running == [OLD]
    assert instances.waiting() == []


def test_what_a_restart_of_the_host_would_miss_is_found_and_mended(
    instances: Instances, systemd: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert instances.settled()
    (tmp_path / f"units/multi-user.target.wants/shop@{OLD}.service").unlink()
    assert not instances.settled()
    assert instances.settle() and instances.settled()

    monkeypatch.setattr(Sockets, "closed", lambda self: [] if "enable shop.socket" in systemd.told else ["shop.socket"])
    monkeypatch.setattr(sockets_module, "properties", lambda unit, *names: {"ActiveState": "active"})
    assert not instances.settled()
    assert instances.settle() and instances.settled()
    assert systemd.running == [OLD]


def test_another_release_than_the_current_one_is_found(instances: Instances, tmp_path: Path) -> None:
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to(f"releases/{NEW}")
    assert not instances.settled()


def test_a_release_that_is_not_good_has_not_served_and_leaves_nothing_behind(
    instances: Instances, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Instances, unit: str, path: str, instance: str) -> None:
        assert systemd.running == [OLD, f"shop-probe@{NEW}"]
        raise Trouble("answered 500", "", "")

    monkeypatch.setattr(Instances, "_await_answer", refuse)
    with pytest.raises(Trouble):
        instances.switch(NEW, "deploy", "somebody")
    assert systemd.running == [OLD]
    assert instances.waiting() == []
    assert instances.pointed() == OLD


@pytest.mark.parametrize(
    ("load", "processors", "said"),
    [
        (0.4, 1, "Correct the project and deploy again, or set site_health_timeout_seconds higher where it takes long to start"),
        (9.6, 2, "The host is busy: 10 programs want its 2 processors. Deploy again when fewer do, or set"),
        (2.0, 1, "The host is busy: 2 programs want its only processor."),
        (4.0, 4, "Correct the project"),
    ],
)
def test_a_busy_host_is_told_from_a_project_that_is_wrong(load: float, processors: int, said: str) -> None:
    assert slow_remedy(load, processors).startswith(said)
