"""Loads and bounds of the behaviour tests follow what the machine and the site can do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import pace as measuring
from tests.behaviour.kit import pace as kit
from tests.behaviour.kit.pace import Bearable, Served, at_pace, served
from tests.load import Outcome, Plan


def plan(rate: float, path: str = "", **said: object) -> Plan:
    return Plan(f"http://127.0.0.1:1/{path}", rate=rate, **said)  # type: ignore[arg-type]


def answers(trial: Plan, delay: Callable[[int], float], failed: int = 0) -> list[Outcome]:
    """A trial whose answers come so much later than they were due."""
    due = [number / trial.rate for number in range(trial.count)]
    return [
        Outcome(number, "GET", True, "", at, at, at + delay(number), 500 if number < failed else 200)
        for number, at in enumerate(due)
    ]


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates that were tried. The site serves 50 requests a second."""
    tried: list[float] = []

    def try_out(asked: Plan) -> Served:
        tried.append(kit.HEADROOM * asked.rate)
        return Served(min(50.0, tried[-1]), all_of_them=tried[-1] <= 50)

    monkeypatch.setattr(kit, "try_out", try_out)
    return tried


def test_bounds_grow_with_a_slow_machine_and_with_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, seconds in (("1.0", 3.0), ("0.7", 3.0), ("2.0", 6.0)):
        measuring.pace.cache_clear()
        monkeypatch.setenv(measuring.VARIABLE, said)
        assert at_pace(3.0) == seconds
    measuring.pace.cache_clear()


def test_a_site_that_keeps_up_gets_the_load_that_the_test_wants(trials: list[float]) -> None:
    assert Bearable().plan(plan(20)).rate == 20
    assert trials == [40]


def test_a_site_gets_half_of_what_it_serves_at_most(trials: list[float]) -> None:
    bearable = Bearable()
    assert [bearable.plan(plan(rate)).rate for rate in (60, 20, 40)] == [25, 20, 25]
    assert trials == [120, 120], "it is tried once more where it did not keep up, and then known"


def test_a_heavier_load_than_was_tried_is_tried(trials: list[float]) -> None:
    bearable = Bearable()
    assert [bearable.plan(plan(rate)).rate for rate in (10, 5, 25)] == [10, 5, 25]
    assert trials == [20, 50]


def test_loads_of_another_kind_and_other_sites_are_tried_apart(trials: list[float]) -> None:
    bearable = Bearable()
    for one in (plan(20), plan(20, fresh_every=1), plan(20, host="other.example")):
        bearable.plan(one)
    assert len(trials) == 3


def test_a_site_that_serves_nothing_fails_the_test_that_would_blame_a_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "try_out", lambda asked: Served(0.0, all_of_them=False))
    with pytest.raises(AssertionError, match="a second while nothing else happens to it"):
        Bearable().plan(plan(20))


def test_answers_that_come_in_time_are_what_was_asked_for() -> None:
    trial = plan(100, seconds=2.0)
    assert served(trial, answers(trial, lambda number: 0.3)) == Served(100, all_of_them=True)


def test_a_queue_that_grows_tells_what_is_served() -> None:
    trial = plan(100, seconds=2.0)
    # 50 a second are served, so that the last one of 200 has its answer after four seconds.
    found = served(trial, answers(trial, lambda number: number / 50 - number / 100))
    assert found.rate == pytest.approx(57, abs=1) and not found.all_of_them


def test_what_fails_is_not_served() -> None:
    trial = plan(100, seconds=2.0)
    assert served(trial, answers(trial, lambda number: 0.1, failed=50)) == Served(75, all_of_them=False)
    assert served(trial, answers(trial, lambda number: 0.1, failed=200)) == Served(0.0, all_of_them=False)


def test_a_site_that_nobody_reaches_serves_nothing() -> None:
    assert kit.try_out(plan(20)) == Served(0.0, all_of_them=False)
