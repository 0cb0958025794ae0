"""Timers: what stands in their units, when they are due, and how their runs end."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.timer_units import timer_units
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.background import check_timers

from tests.unit.roles.workers.program import calendars, database, firing, ledger, orders

TIDY = {"name": "tidy", "command": "python manage.py clearsessions", "calendar": "daily"}
NOON = 1_800_014_400
RELEASE = "20260101T000000-aaaaaaa"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Ledger:
    """What the database says, without one."""

    def __init__(self, state: str = ledger.RUNNING, away: int = 0, alive: bool = True) -> None:
        self.state, self.away, self.alive = state, away, alive
        self.taken: list[tuple[Any, ...]] = []
        self.ends: list[tuple[str, str]] = []
        self.waits = [ledger.WAITING, ledger.RUNNING]
        # What a renewal waits for.
        self.answers = threading.Event()
        self.answers.set()

    def prepare(self) -> None:
        if self.away:
            self.away -= 1
            raise database.AwayError("gone")

    def take(self, *arguments: Any) -> ledger.Turn:
        self.taken.append(arguments)
        return ledger.Turn(self.state, 7)

    def begin(self, name: str, number: int, by_hand: bool) -> str:
        return self.waits.pop(0)

    def renew(self, number: int) -> bool:
        self.answers.wait()
        return self.alive

    def end(self, number: int, result: str, detail: str) -> None:
        self.ends.append((result, detail))


def fired(
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    there: Ledger | list[Ledger],
    command: list[str],
    instance: str = f"now-{NOON}000000",
    **said: Any,
) -> int:
    (home / "releases" / RELEASE / "project").mkdir(parents=True, exist_ok=True)
    others = there if isinstance(there, list) else []
    monkeypatch.setattr(firing, "Ledger", lambda address: others.pop(0) if others else there)
    monkeypatch.setattr(firing, "RENEWAL_SECONDS", 0.05)
    usual = {
        "name": "tidy",
        "instance": instance,
        "calendar": "daily",
        "limit_seconds": 20,
        "overlap": "skip",
        "catches_up": False,
    }
    order = firing.Order(**{**usual, "command": command, **said})
    return int(firing.fire(order, home, {"SITE_RELEASE": RELEASE, "DATABASE_URL": "postgres://x"}))


def test_a_unit_says_what_the_operator_says_and_systemd_fills_in_no_percent_sign() -> None:
    [unit] = timer_units([{**TIDY, "command": " date +%s\n", "calendar": "Mon  06:00", "overlap": "queue", "catch_up": "yes"}])
    assert unit["command"] == "date +%%s"
    assert unit["arguments"] == "--calendar 'Mon 06:00' --limit 3600 --overlap queue --catch-up"
    assert timer_units([TIDY])[0]["arguments"] == "--calendar 'daily' --limit 3600 --overlap skip"


@pytest.mark.parametrize("command", [["tell", "--c", "now"], ["tell", "--limit=5", "--", "--catch-up"], ["--c"]])
def test_a_command_keeps_its_own_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]) -> None:
    fired: list[Any] = []

    def fire(order: Any, *_: object) -> int:
        fired.append(order)
        return 0

    monkeypatch.setattr(orders, "fire", fire)
    own = ["run", "--calendar", "daily", "--limit", "3600", "--overlap", "skip", "tidy", "1800000000000000", "--"]
    assert orders.main([*own, *command], tmp_path) == 0
    [order] = fired
    assert (order.command, order.catches_up, order.limit_seconds, order.calendar) == (command, False, 3600.0, "daily")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"name": "Tidy up"}, "not the name of a timer"),
        ({"command": " "}, "has no command"),
        ({"command": "a\nb"}, "of several lines"),
        ({"calendar": "daily'; reboot"}, "the calendar of the timer tidy"),
        ({"calendar": "$(reboot)"}, "the calendar of the timer tidy"),
        ({"environment": {"A-B": "x"}}, "environment variable"),
    ],
)
def test_what_no_unit_could_run_is_refused(said: dict[str, Any], wrong: str) -> None:
    assert not list(check_timers([TIDY]))
    assert any(wrong in found for found, _remedy in check_timers([{**TIDY, **said}]))


def test_two_of_one_name_are_refused() -> None:
    assert any("2 timers" in found for found, _remedy in check_timers([TIDY, TIDY]))


@pytest.mark.skipif(not Path("/usr/bin/systemd-analyze").exists(), reason="asks systemd")
@pytest.mark.parametrize(
    ("calendar", "until", "due"),
    [
        ("*:*:0/5 UTC", NOON, NOON),
        ("*:*:0/5 UTC", NOON + 4, NOON),
        ("*-*-* 12:00 UTC", NOON + 86399, NOON),
        ("*-02-29 00:00 UTC", NOON, 1709164800),
        ("2031-01-01 UTC", NOON, 0),
    ],
)
def test_the_last_moment_is_found_however_long_ago(calendar: str, until: int, due: int) -> None:
    assert calendars.last(calendar, until) == due


def test_moments_are_read_in_utc_whatever_the_zone_of_the_host() -> None:
    told = """
    Next elapse: Sat 2027-01-16 13:00:00 CET
       (in UTC): Sat 2027-01-16 12:00:00 UTC
       From now: 1 month left
   Iteration #2: Sun 2027-01-17 13:00:00 CET
       (in UTC): Sun 2027-01-17 12:00:00 UTC
"""
    assert calendars.moments_in(told) == [1800100800, 1800187200]
    # As Debian 12 has it.
    told = """
  Original form: *-*-* 13:00
Normalized form: *-*-* 13:00:00
    Next elapse: Sat 2027-01-16 13:00:00 CET
       (in UTC): Sat 2027-01-16 12:00:00 UTC
       From now: 1 month 16 days left
       Iter. #2: Sun 2027-01-17 13:00:00 CET
       (in UTC): Sun 2027-01-17 12:00:00 UTC
       From now: 1 month 17 days left
       Iter. #3: Mon 2027-01-18 13:00:00 CET
       (in UTC): Mon 2027-01-18 12:00:00 UTC
       From now: 1 month 18 days left
"""
    assert calendars.moments_in(told) == [1800100800, 1800187200, 1800273600]
    assert calendars.moments_in("    Next elapse: Sat 2027-01-16 12:00:00 UTC\n") == [1800100800]
    assert calendars.moments_in("    Next elapse: never\n") == []


def test_the_address_of_a_database_is_read_as_projects_write_it() -> None:
    said = database.parameters("postgis://ada:p%40ss%2F@db:6432/shop?sslmode=require&conn_max_age=60")
    assert {name: said[name] for name in ("host", "port", "user", "password", "dbname", "sslmode")} == {
        "host": "db",
        "port": 6432,
        "user": "ada",
        "password": "p@ss/",
        "dbname": "shop",
        "sslmode": "require",
    }
    assert "conn_max_age" not in said
    with pytest.raises(database.RefusedError, match="no PostgreSQL"):
        database.parameters("sqlite:///db.sqlite3")


def test_a_run_is_in_the_release_that_its_unit_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there, log = Ledger(), tmp_path / "log"
    tools = tmp_path / "releases" / RELEASE / "venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "tell").symlink_to("/bin/pwd")

    assert fired(monkeypatch, tmp_path, there, ["sh", "-c", f"echo $TIMER_DUE > {log}; tell >> {log}"]) == 0

    due, folder = log.read_text().split()
    assert due == "2027-01-15T12:00:00Z"
    assert folder.endswith(f"releases/{RELEASE}/project")
    assert there.ends == [("done", "")]
    assert there.taken == [("tidy", float(NOON), "skip", os.uname().nodename, RELEASE, True)]


@pytest.mark.parametrize(
    ("command", "result", "detail"),
    [
        (["sh", "-c", "exit 3"], "failed", "exit status 3"),
        (["sh", "-c", "kill -9 $$"], "failed", "killed by SIGKILL"),
        (["no-such-program"], "failed", "No such file or directory: no-such-program"),
    ],
)
def test_how_it_ended_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str], result: str, detail: str
) -> None:
    there = Ledger()
    assert fired(monkeypatch, tmp_path, there, command) == 1
    assert there.ends == [(result, detail)]


def test_what_takes_too_long_ends_with_all_that_it_has_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there, pids = Ledger(), tmp_path / "pids"
    monkeypatch.setattr(firing, "GRACE_SECONDS", 0.2)
    ignoring = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    program = f"{ignoring}; open({str(pids)!r}, 'w').write(str(os.getpid()))"

    assert fired(monkeypatch, tmp_path, there, [sys.executable, "-c", f"{program}; time.sleep(60)"], limit_seconds=2) == 1

    assert there.ends == [("too long", "ended after its limit of 2 s")]
    assert not Path(f"/proc/{pids.read_text()}").exists()


@pytest.mark.parametrize("state", ["taken", "paused", "skipped"])
def test_nothing_runs_where_it_is_not_this_host_s_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str) -> None:
    there, log = Ledger(state), tmp_path / "log"
    assert fired(monkeypatch, tmp_path, there, ["touch", str(log)]) == 0
    assert not log.exists()
    assert there.ends == []


def test_a_run_that_others_take_for_dead_is_killed_unless_they_may_overlap(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there, pids = Ledger(alive=False), tmp_path / "pids"
    assert fired(monkeypatch, tmp_path, there, ["sh", "-c", f"echo $$ > {pids}; exec sleep 60"]) == 1
    assert not Path(f"/proc/{pids.read_text().strip()}").exists()
    # At once: whom it would tell knows it by now, or can't be told. What has left the command's group ends with its unit.
    assert there.ends == []
    there = Ledger(alive=False)
    assert fired(monkeypatch, tmp_path, there, ["sleep", "0.3"], overlap="allow") == 0


def test_it_is_tried_again_while_the_database_is_away_and_not_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    there = Ledger(away=3)
    assert fired(monkeypatch, tmp_path, there, ["true"]) == 0
    monkeypatch.setattr(firing, "TRYING_BY_HAND_SECONDS", 0.0)
    there = Ledger(away=10**9)
    assert fired(monkeypatch, tmp_path, there, ["true"]) == 1
    assert there.taken == []


def test_a_unit_that_is_told_to_stop_tells_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = Ledger()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert fired(monkeypatch, tmp_path, there, ["sleep", "60"]) == 1
    assert there.ends == [("stopped", "its unit was told to stop")]


def test_the_end_is_told_though_a_renewal_waits_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(firing, "FINISH_SECONDS", 0.1)
    hanging, fresh = Ledger(), Ledger()
    hanging.answers.clear()
    assert fired(monkeypatch, tmp_path, [hanging, fresh], ["sleep", "0.3"]) == 0
    hanging.answers.set()
    assert (hanging.ends, fresh.ends) == ([], [("done", "")])


@pytest.mark.parametrize(("overlap", "begins"), [("skip", False), ("queue", False), ("allow", True)])
def test_a_host_that_slept_since_it_took_the_moment_begins_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, overlap: str, begins: bool
) -> None:
    monkeypatch.setattr(firing, "taken", lambda *_: (ledger.Turn(ledger.RUNNING, 7), firing.clock() - 61))
    log = tmp_path / "log"
    assert fired(monkeypatch, tmp_path, Ledger(), ["touch", str(log)], overlap=overlap) == (0 if begins else 1)
    assert log.exists() == begins


@pytest.mark.parametrize(("then", "begins"), [(ledger.RUNNING, True), (ledger.SKIPPED, False)])
def test_a_run_that_waits_begins_unless_the_timer_was_paused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, then: str, begins: bool
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    there, log = Ledger(ledger.WAITING), tmp_path / "log"
    there.waits = [ledger.WAITING, then]
    assert fired(monkeypatch, tmp_path, there, ["touch", str(log)], overlap="queue") == 0
    assert log.exists() == begins
    assert there.ends == ([("done", "")] if begins else [])
