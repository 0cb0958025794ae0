"""What is left to do so that nginx runs with the configuration on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import change_time, newest_change, start_time
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service
from ansible_collections.hotclub.django.plugins.module_utils.steps.nginx_service import WORKER, Nginx

RUNNING = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "MainPID": "1", "NeedDaemonReload": "no"}


class Host:
    """Answers commands."""

    def __init__(self, **answers: Outcome) -> None:
        self.answers = answers
        self.commands: list[str] = []

    def __call__(self, command: list[str]) -> Outcome:
        """Return the exit code and the output of a command."""
        self.commands.append(" ".join(command))
        return next((answer for word, answer in self.answers.items() if word in command), Outcome(0, ""))


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return a folder whose newest file was written at the 1000th second of the epoch."""
    (tmp_path / "sites-enabled").mkdir()
    (tmp_path / "sites-enabled" / "shop.conf").touch()
    for path in (tmp_path / "sites-enabled" / "shop.conf", tmp_path / "sites-enabled", tmp_path):
        os.utime(path, (1000, 1000))
    return tmp_path


def nginx(host: Host) -> Nginx:
    """Return nginx on a host."""
    return Nginx("nginx.service", host, WORKER)


def actions(monkeypatch: pytest.MonkeyPatch, configuration: Path, started: float | None, **unit: str) -> list[str]:
    """Return what is to be done when the youngest worker started at a given time."""
    monkeypatch.setattr(Service, "workers", lambda _self: {} if started is None else {7: started - 60, 8: started})
    told = "\n".join(f"{name}={value}" for name, value in (RUNNING | unit).items())
    return list(nginx(Host(show=Outcome(0, told))).needed_actions(configuration))


def test_systemd_reads_the_unit_anew_before_a_start(monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    assert actions(monkeypatch, configuration, started=None, ActiveState="inactive") == ["daemon-reload", "start"]


def test_nothing_is_left_when_workers_are_younger_than_their_configuration(
    monkeypatch: pytest.MonkeyPatch, configuration: Path
) -> None:
    assert actions(monkeypatch, configuration, started=1001) == []


def test_a_newer_file_needs_a_reload(monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    assert actions(monkeypatch, configuration, started=999) == ["reload"]


def test_a_removed_file_needs_a_reload(monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    (configuration / "sites-enabled" / "shop.conf").unlink()

    assert actions(monkeypatch, configuration, started=1001) == ["reload"]


def test_no_workers_at_all_need_a_reload(monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    assert actions(monkeypatch, configuration, started=None) == ["reload"]


@pytest.mark.parametrize(("drop_in", "began", "wanted"), [("yes", 0, ["restart"]), ("yes", 1, []), ("no", 0, [])])
def test_what_started_before_its_unit_confined_it_starts_anew(
    monkeypatch: pytest.MonkeyPatch,
    configuration: Path,
    tmp_path_factory: pytest.TempPathFactory,
    drop_in: str,
    began: int,
    wanted: list[str],
) -> None:
    monkeypatch.setattr(Service, "workers", lambda _self: {8: 1001.0})
    units, processes = tmp_path_factory.mktemp("units"), tmp_path_factory.mktemp("proc")
    (units / "nginx.service.d").mkdir(parents=True)
    (units / "nginx.service.d" / "ours.conf").write_text(f"[Service]\nNoNewPrivileges={drop_in}\n")
    (processes / "1").mkdir(parents=True)
    (processes / "1" / "status").write_text(f"Name:\tnginx\nNoNewPrivs:\t{began}\nSeccomp:\t0\n")
    told = "\n".join(f"{name}={value}" for name, value in RUNNING.items())
    service = Nginx("nginx.service", Host(show=Outcome(0, told)), WORKER, units=units, processes=processes)

    assert list(service.needed_actions(configuration)) == wanted


def test_a_fresh_host_needs_everything(monkeypatch: pytest.MonkeyPatch, configuration: Path) -> None:
    unit = {"ActiveState": "inactive", "UnitFileState": "disabled", "MainPID": "0", "NeedDaemonReload": "yes"}

    assert actions(monkeypatch, configuration, None, **unit) == ["daemon-reload", "enable", "start"]


def test_times_in_the_future_say_nothing(configuration: Path) -> None:
    ahead = time.time() + 3600
    os.utime(configuration / "sites-enabled" / "shop.conf", (ahead, ahead))

    assert newest_change(configuration) == 1000


def test_a_link_is_as_new_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    ahead = time.time() + 100
    os.utime(tmp_path / "file", (ahead, ahead))

    assert change_time(tmp_path / "link") == pytest.approx(ahead)
    assert change_time(tmp_path / "dangling") < ahead


def test_the_start_of_a_process_is_a_time_of_the_clock() -> None:
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])

    assert 0 < time.time() - start_time(ticks) < 24 * 3600


def test_what_systemd_says_is_read() -> None:
    unit = nginx(Host(show=Outcome(0, "LoadState=loaded\nMainPID=12\nActiveState=active"))).properties()

    assert (unit["MainPID"], unit["NeedDaemonReload"]) == ("12", "")


def test_a_refused_configuration_is_not_loaded() -> None:
    host = Host(**{"-t": Outcome(1, 'unknown directive "foo"')})

    with pytest.raises(Trouble, match=r'serves with the old one\.\nunknown directive "foo"'):
        nginx(host).perform("reload", 1)
    assert host.commands == ["nginx -t"]


def test_a_name_that_two_sites_want_is_refused() -> None:
    warning = 'nginx: [warn] conflicting server name "a.example.org" on 0.0.0.0:80, ignored\n' * 2

    with pytest.raises(Trouble, match=r"Two sites of this host want to serve a\.example\.org, and"):
        nginx(Host(**{"-t": Outcome(0, warning)})).check()


def test_a_reload_without_new_workers_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "workers", lambda _self: {7: 1.0})

    with pytest.raises(Trouble, match=r"still serves with the old configuration\.\nbind\(\) failed"):
        nginx(Host(show=Outcome(0, "MainPID=1"), journalctl=Outcome(0, "bind() failed"))).perform("reload", 0)


def test_a_reload_with_new_workers_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    generations = iter([{7: 1.0}, {7: 1.0}, {8: 2.0}])
    monkeypatch.setattr(Service, "workers", lambda _self: next(generations))
    host = Host(show=Outcome(0, "MainPID=1"))

    nginx(host).perform("reload", 5)

    assert "systemctl reload nginx.service" in host.commands
