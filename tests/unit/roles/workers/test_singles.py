"""Workers of which one alone may run in the fleet: who gets the turn, when a program is ended, what beat asks before it sends."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.status_table import status_table
from ansible_collections.hotclub.django.plugins.module_utils.status.background import single_of

from tests.unit.roles.workers.program import beat, database, guard, orders, singles

NOON = 1_800_014_400.0
CLAIM = singles.Claim("beat", "app1", "r", "app1 machine", "app1 machine boot unit")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in guard.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Singles:
    """What the database says, without one."""

    token = "0123456789abcdef"

    def __init__(self, *takes: Any, lives: bool = True) -> None:
        self.takes, self.lives = list(takes), lives
        self.given: list[str] = []
        self.fenced = 0
        self.renewals = 0
        self.answers = threading.Event()
        self.answers.set()

    def prepare(self) -> None: ...

    def take(self, claim: Any) -> str | None:
        answer = self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]
        if isinstance(answer, Exception):
            raise answer
        return str(answer) if answer is not None else None

    def wait_seconds(self, most: float) -> float:
        return 0.02

    def fence(self, claim: Any) -> int:
        self.fenced += 1
        return 0

    def renew(self, claim: Any) -> bool:
        self.answers.wait()
        self.renewals += 1
        # The program has begun by then.
        return self.lives or self.renewals < 20

    def give_back(self, claim: Any, result: str) -> None:
        self.given.append(result)


def watched(monkeypatch: pytest.MonkeyPatch, home: Path, there: Any, script: str) -> int:
    monkeypatch.setattr(guard, "Singles", lambda address: there)
    monkeypatch.setattr(guard, "RENEWAL_SECONDS", 0.02)
    words = ["guard", "beat", "shop-worker-beat@r.service", "--", sys.executable, "-c", f"import os, time, sys\n{script}"]
    return orders.main(words, home)


def test_a_program_runs_once_it_has_the_turn_and_those_before_are_cut_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = Singles(None, database.AwayError("gone"), None, "lost")

    assert watched(monkeypatch, tmp_path, there, "print(os.environ['PGAPPNAME'], flush=True)") == 1

    assert "single beat 0123456789ab\n" in capfd.readouterr().out
    assert there.fenced == 1
    # It was meant to run on: others may try.
    assert there.given == ["failed"]


def test_a_program_is_told_to_end_by_the_signal_of_the_unit_and_the_turn_given_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = Singles("done")
    mark = tmp_path / "mark"
    script = f"import signal; signal.signal(2, lambda *_: sys.exit(0)); open({str(mark)!r}, 'w').close(); time.sleep(60)"

    def tell() -> None:
        while not mark.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=tell, daemon=True).start()
    assert watched(monkeypatch, tmp_path, there, script) == 0
    assert there.given == ["done"]


@pytest.mark.parametrize("taken", [True, False])
def test_a_program_is_killed_when_its_turn_was_taken_or_is_not_sure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], taken: bool
) -> None:
    there = Singles("lost", lives=not taken)
    if not taken:
        monkeypatch.setattr(guard, "ALIVE_SECONDS", 0.5)
        there.answers.clear()
    began = time.monotonic()

    # Also what has left its group, and what doesn't listen.
    assert watched(monkeypatch, tmp_path, there, "import signal; signal.signal(15, signal.SIG_IGN); time.sleep(60)") == 1

    there.answers.set()
    assert time.monotonic() - began < 10
    assert "beat is killed" in capfd.readouterr().out
    assert not there.given


def test_an_account_that_lacks_a_right_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert watched(monkeypatch, tmp_path, Singles(database.RefusedError("It may not.")), "pass") == 1
    assert "beat is not run: It may not." in capfd.readouterr().out


@pytest.mark.parametrize(("before", "kept"), [("here done", True), ("done", False), ("here lost", False), ("lost", False)])
def test_what_a_program_keeps_is_there_only_after_it_ended_well_on_this_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str, kept: bool
) -> None:
    """Else it would make up for what another host has sent meanwhile."""
    schedule = tmp_path / "library-cache" / "singles" / "beat" / "schedule"
    schedule.parent.mkdir(parents=True)
    schedule.touch()

    watched(monkeypatch, tmp_path, Singles(before), "assert os.path.isdir(os.environ['SINGLE_FOLDER'])")

    assert schedule.exists() is kept


def free(asked: Any, at: float, turn: tuple[Any, ...], here: bool = False, mine: bool = False) -> bool:
    singles.clock = lambda: at
    return bool(asked._is_free(turn, here, mine))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(singles, "clock", singles.clock)
    monkeypatch.setattr(importlib, "import_module", lambda name: None)
    return singles.Singles("postgres://shop@db/shop")


def test_a_turn_is_taken_when_nothing_was_heard_of_it_for_long_enough_by_ones_own_clock(asked: Any) -> None:
    assert not free(asked, 100.0, ("a", 1))
    assert not free(asked, 109.0, ("a", 1))
    # It was renewed.
    assert not free(asked, 111.0, ("a", 2))
    assert not free(asked, 120.9, ("a", 2))
    assert asked.wait_seconds(1.0) == pytest.approx(0.1)
    assert free(asked, 121.0, ("a", 2))
    # After a failover that has lost it, an older one counts anew.
    assert not free(asked, 130.0, ("a", 1))


def test_a_turn_that_was_given_back_is_for_its_own_host_first(asked: Any) -> None:
    assert free(asked, 100.0, (None, 5), here=True)
    assert not free(asked, 100.0, (None, 5))
    assert free(asked, 108.0, (None, 5))
    # Nobody had it, or it has failed where it was.
    assert free(asked, 200.0, (None, 0))


def test_a_unit_that_systemd_starts_again_need_not_wait_for_itself(asked: Any) -> None:
    assert free(asked, 100.0, ("a", 7), here=True, mine=True)
    assert not free(asked, 100.0, ("a", 7), here=True)


def test_beat_sends_only_while_the_turn_is_sure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    until = guard.Until()
    environment = {"SINGLE_UNTIL_FILE": until.path}
    assert not beat.is_allowed(environment)
    until.write(singles.clock() + 60)
    assert beat.is_allowed(environment)
    torn = tmp_path / "until"
    torn.write_text("2000.000 1000.000\n")
    assert not beat.is_allowed({"SINGLE_UNTIL_FILE": str(torn)})
    assert not beat.is_allowed({}) and not beat.is_allowed({"SINGLE_UNTIL_FILE": str(tmp_path / "none")})

    ends: list[int] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.setenv("SINGLE_UNTIL_FILE", until.path)
    send = beat.asking(lambda entry: f"sent {entry}")
    assert send("a") == "sent a" and not ends
    until.write(singles.clock() - 0.1)
    send("b")
    assert ends == [1]


@pytest.mark.parametrize(
    ("application", "environment", "found"),
    [
        ("", {"SITE_SETTINGS_MODULE": "config.settings", "DJANGO_SETTINGS_MODULE": "site_settings"}, "config"),
        ("", {"DJANGO_SETTINGS_MODULE": "shop.settings"}, "shop"),
        ("other.celery", {"DJANGO_SETTINGS_MODULE": "shop.settings"}, "other.celery"),
    ],
)
def test_beat_finds_the_application_as_celery_s_workers_do(application: str, environment: dict[str, str], found: str) -> None:
    assert beat.command(application, ["-l", "x"], environment) == ["celery", "--app", found, "beat", "-l", "x"]


def told(**said: Any) -> dict[str, Any]:
    before = [{"host": "app1", "release": "r", "began": NOON - 900, "seen": NOON - 12, "result": "lost"}]
    usual = {"runs": True, "now": NOON + 60, "host": "app2", "release": "r", "began": NOON, "seen": NOON + 59, "before": before}
    return {"app2": {"tiers": ["app"], "singles": {"beat": single_of({**usual, **said})}}}


def test_the_status_says_who_has_the_turn_and_names_when_nobody_had_it() -> None:
    table = status_table(told(), "shop")
    assert "beat         app2  2027-01-15T12:00:00Z  r" in table
    assert "no host ran the worker beat from 2027-01-15T11:59:48Z, when it was lost with app1" in table
    assert "what was due in these 12 s was not scheduled in time" in table
    assert "shop is well" in table
    # Long ago, or as short as a deploy makes it.
    assert "no host ran" not in status_table(told(now=NOON + 90_000, seen=NOON + 89_999), "shop")
    assert "no host ran" not in status_table(told(began=NOON - 10), "shop")


def test_a_worker_that_runs_nowhere_is_trouble() -> None:
    missing = status_table(told(runs=False, seen=NOON + 10), "shop")
    assert "ON ONE HOST  HOST\nbeat         none\n" in missing
    assert "the worker beat, of which one alone runs, runs on no host since 2027-01-15T12:00:10Z, when it was on app2" in missing
    assert "shop is well" in status_table(told(runs=False, seen=NOON + 50), "shop")
    never: dict[str, Any] = {"app2": {"tiers": ["app"], "singles": {"beat": single_of({})}}}
    assert "has not run on any host yet" in status_table(never, "shop")
