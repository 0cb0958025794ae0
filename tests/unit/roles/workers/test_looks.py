"""What a run asks of the timers: a look changes nothing, and says what was missed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.status_table import status_table
from ansible_collections.hotclub.django.plugins.module_utils.status.background import timer_of

from tests.unit.roles.workers.program import calendars, orders

NOON = 1_800_014_400
RUN = {
    "due": NOON,
    "began": NOON,
    "ended": NOON + 2,
    "seconds": 2.0,
    "host": "app1",
    "release": "r",
    "result": "done",
    "detail": "",
}


class Ledger:
    def __init__(self, is_there: bool) -> None:
        self.is_there = is_there

    def there(self) -> bool:
        return self.is_there

    def timers(self) -> dict[str, Any]:
        assert self.is_there
        return {"tidy": {"taken": NOON, "paused": None, "paused_by": ""}}

    def runs(self, name: str, count: int) -> list[dict[str, Any]]:
        return [{**RUN, "result": "skipped"}] * count

    def last(self, name: str) -> dict[str, Any]:
        return RUN

    def run(self, name: str, due: float) -> dict[str, Any]:
        return {**RUN, "due": due}


def looked(monkeypatch: pytest.MonkeyPatch, home: Path, is_there: bool) -> Any:
    monkeypatch.setattr(calendars, "last", lambda calendar, until: NOON)
    monkeypatch.setattr(calendars, "following", lambda calendar, base: [NOON + 60])
    (home / "etc").mkdir()
    (home / "etc" / "timers.json").write_text(json.dumps({"tidy": "minutely"}))
    asked: Any = argparse.Namespace(verb="look")
    there: Any = Ledger(is_there)
    return orders.answer(asked, there, home)


def test_a_look_before_the_first_run_creates_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert looked(monkeypatch, tmp_path, is_there=False)["tidy"]["runs"] == []


def test_a_look_tells_of_all_that_are_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = looked(monkeypatch, tmp_path, is_there=True)["tidy"]
    assert (seen["due"], seen["next"], len(seen["runs"]), seen["last"]) == (NOON, NOON + 60, 10, RUN)


def test_the_outcome_of_a_run_is_found_however_many_were_left_out_since(tmp_path: Path) -> None:
    asked: Any = argparse.Namespace(verb="outcome", name="tidy", microseconds=NOON * 1_000_000 + 123_456)
    there: Any = Ledger(True)
    assert orders.answer(asked, there, tmp_path)["due"] == NOON + 0.123456


def of_status(**said: Any) -> dict[str, Any]:
    seen = {"calendar": "minutely", "paused": None, "paused_by": "", "next": NOON + 60, "due": NOON, "taken": NOON}
    return timer_of({**seen, "runs": [RUN], "last": RUN, **said}, since=10**9)


def shown(**said: Any) -> str:
    return status_table({host: {"timers": {"tidy": of_status(**said)}} for host in ("app1", "app2")}, "shop")


def test_the_status_shows_each_timer_once() -> None:
    table = shown()
    assert table.count("tidy") == 1
    assert "2027-01-15T12:00:00Z" in table and "done" in table and "2.0 s" in table and "2027-01-15T12:01:00Z" in table
    assert "shop is well." in table


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ({"taken": NOON - 60}, "the timer tidy was due 2027-01-15T12:00:00Z, and no host has run it"),
        ({"taken": None, "runs": [], "last": {}}, "no host has run it"),
        (
            {"runs": [{**RUN, "result": "skipped"}] * 10, "last": {**RUN, "result": "failed", "detail": "exit status 3"}},
            "the last run of the timer tidy, due 2027-01-15T12:00:00Z, on app1: failed: exit status 3.",
        ),
        ({"last": {**RUN, "result": "lost", "ended": None, "seconds": None}}, "on app1: lost."),
    ],
)
def test_what_was_missed_or_failed_is_trouble_and_said_once(said: dict[str, Any], trouble: str) -> None:
    table = shown(**said)
    assert table.count(trouble) == 1, table
    assert "shop is in trouble" in table


def test_what_is_paused_or_was_not_called_yet_is_not_missed() -> None:
    assert "paused since 2027-01-15T12:00:00Z by ada@desk" in shown(paused=NOON, paused_by="ada@desk", taken=NOON - 60)
    assert "shop is well." in shown(paused=NOON, paused_by="ada@desk", taken=NOON - 60)
    seen: dict[str, Any] = {
        "calendar": "x",
        "paused": None,
        "paused_by": "",
        "next": None,
        "due": NOON,
        "taken": None,
        "runs": [],
    }
    assert timer_of(seen, since=None)["missed"] == ""
