"""The judgement of who took writes: two servers at once are found, one after the other is none of that."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.acknowledged import Acknowledged, from_two_at_once, longest_pause


def rows(*told: tuple[str, float]) -> list[Acknowledged]:
    return [Acknowledged("app-0", number, begin, begin + 0.05, server) for number, (server, begin) in enumerate(told)]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([("a", 1.0), ("a", 2.0), ("b", 9.0), ("b", 10.0)], 0),
        # It began before the other took over, and was acknowledged a moment after.
        ([("a", 1.0), ("b", 9.0), ("a", 9.1)], 0),
        ([("a", 1.0), ("b", 9.0), ("a", 9.5), ("b", 10.0), ("a", 10.5)], 2),
        ([("a", 1.0), ("b", 2.0), ("c", 3.0), ("b", 4.0)], 1),
    ],
)
def test_a_server_that_goes_on_beside_its_successor_is_found(told: list[tuple[str, float]], wrong: int) -> None:
    assert len(from_two_at_once(rows(*told))) == wrong


def test_the_pause_is_the_longest_time_between_two_rows_of_the_site() -> None:
    local = Acknowledged("db1-0", 1, 5.0, 5.0, "a")

    assert longest_pause([*rows(("a", 1.0), ("a", 2.0)), local, *rows(("b", 9.0))], since=1.5) == pytest.approx(7.0)
    assert longest_pause([], since=1.5) == float("inf")
