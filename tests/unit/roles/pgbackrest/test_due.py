"""Which backup is due follows from those that there are; what failed or was slept through is due an hour later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.roles.pgbackrest.program import DAY, NOON, backup, due, wal

NIGHT = 2


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def wanted(*backups: dict[str, Any], gaps: tuple[wal.Gap, ...] = (), now: float = NOON) -> str:
    return str(due.due(backups, gaps, now, NIGHT, 7))


def gap(number: int, timeline: int = 1) -> wal.Gap:
    return wal.Gap(wal.File(timeline, number), wal.File(timeline, number))


def test_the_night_is_the_last_one_by_the_clock() -> None:
    assert due.last_night(NOON, NIGHT) == NOON - 10 * 3600
    assert due.last_night(NOON, 13) == NOON - 23 * 3600


@pytest.mark.parametrize(
    ("backups", "kind"),
    [
        ([], "full"),
        ([backup("full", 0.1)], ""),
        ([backup("full", 1.4)], "diff"),
        ([backup("full", 3), backup("diff", 0.3)], ""),
        ([backup("full", 3), backup("diff", 1.3)], "diff"),
        # Of a week ago, whatever hour it was made in.
        ([backup("full", 7.2), backup("diff", 1.3)], "full"),
        ([backup("full", 7.4), backup("diff", 0.3)], ""),
        # The host was off for a month.
        ([backup("full", 30)], "full"),
        # Another one would find the same pages damaged, and have the last sound one expired.
        ([backup("full", 0.1) | {"error": True}], ""),
        ([backup("full", 7.2), backup("full", 1.3) | {"error": True}], "diff"),
    ],
)
def test_what_is_due_at_noon(backups: list[dict[str, Any]], kind: str) -> None:
    assert wanted(*backups) == kind


def test_before_the_hour_the_day_before_counts() -> None:
    assert wanted(backup("full", 1), now=NOON - 11 * 3600) == ""


def test_a_gap_wants_a_full_backup_at_once_and_only_one() -> None:
    assert wanted(backup("full", 0.1, first=5), gaps=(gap(9),)) == "full"
    assert wanted(backup("full", 0.1, first=5), backup("full", 0.01, first=10), gaps=(gap(9),)) == ""


def test_a_gap_of_a_timeline_that_a_restore_has_left_wants_no_further_backup() -> None:
    returned = backup("full", 0.1, first=7, timeline=2)
    assert wanted(backup("full", 0.2, first=5), returned, gaps=(gap(30),)) == ""
    assert due.restorable_since([returned], [gap(30)]) == returned["timestamp"]["stop"]
    assert wanted(backup("full", 0.1, first=30), gaps=(gap(9, timeline=2),)) == "full"


def test_a_restore_can_go_back_to_the_first_backup_after_the_last_gap() -> None:
    backups = [backup("full", 8, first=5), backup("full", 1, first=20)]
    assert due.restorable_since(backups, []) == backups[0]["timestamp"]["stop"]
    assert due.restorable_since(backups, [gap(9)]) == backups[1]["timestamp"]["stop"]
    assert due.restorable_since(backups, [gap(30)]) == 0
    assert due.restorable_since([], []) == 0
    assert due.restorable_since([backups[0] | {"error": True}, backups[1]], []) == backups[1]["timestamp"]["stop"]


def test_a_gap_leaves_what_was_before_it() -> None:
    full, diff, later = backups = [backup("full", 8, first=5), backup("diff", 7, first=20), backup("full", 1, first=40)]
    assert [due.restorable_until(one, backups, []) for one in backups] == [None] * 3
    reached = diff["timestamp"]["stop"]
    assert [due.restorable_until(one, backups, [gap(30)]) for one in backups] == [reached, reached, None]
    assert due.restorable_until(full, backups, [gap(9), gap(30)]) == full["timestamp"]["stop"]
    assert due.restorable_until(later, backups, [gap(50)]) == later["timestamp"]["stop"]
    # One that lacks its own log leads nowhere.
    assert [due.restorable_until(one, backups, [gap(21)]) for one in backups] == [full["timestamp"]["stop"], 0, None]


@pytest.mark.parametrize(
    ("last", "days", "is_due"),
    [
        ({}, 7, True),
        ({}, 0, False),
        ({"good": True, "at": NOON - 2 * DAY}, 7, False),
        ({"good": True, "at": NOON - 6.6 * DAY}, 7, True),
        ({"good": False, "at": NOON - 0.5 * DAY}, 7, False),
        ({"good": False, "at": NOON - 1.1 * DAY}, 7, True),
    ],
)
def test_when_a_restore_is_rehearsed(last: dict[str, Any], days: int, is_due: bool) -> None:
    assert due.drill_is_due([backup("full", 2)], last, NOON, days) is is_due


def test_no_backup_is_rehearsed_that_was_just_made() -> None:
    assert not due.drill_is_due([backup("full", 0.05)], {}, NOON, 7)
    assert not due.drill_is_due([], {}, NOON, 7)


@pytest.mark.parametrize(
    ("begins", "leads"),
    [
        ({1: 0}, True),
        # A failover after it, and one before it had ended.
        ({1: 0, 2: 9}, True),
        ({1: 0, 2: 6}, False),
        # A failover after that.
        ({1: 0, 2: 9, 3: 9}, True),
        # Nobody knows where the present timeline began.
        ({}, False),
    ],
)
def test_a_backup_leads_on_through_failovers(begins: dict[int, int], leads: bool) -> None:
    assert due.leads_by_failovers(backup("full", 1, first=5), begins) is leads
