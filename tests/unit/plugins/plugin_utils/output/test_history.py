"""What is left of a run is what such a run took before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.output.history import RUNS, History


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def go(path: Path, *steps: tuple[str, float], run: str = "site") -> History:
    clock = Clock()
    history = History(path, [run], clock)
    for name, seconds in steps:
        step = history.begin("play", name)
        clock.now += seconds
        history.end(step, seconds)
    history.keep()
    return history


def test_what_is_left_is_what_came_after_the_step(tmp_path: Path) -> None:
    go(tmp_path / "h", ("build", 10), ("switch", 5), ("build", 3))
    later = History(tmp_path / "h", ["site"])
    first, switch, second = (later.begin("play", name) for name in ("build", "switch", "build"))
    assert [later.usual(step) for step in (first, switch, second)] == [10, 5, 3]
    assert (later.left(first, 4), later.left(first, 60)) == (14, 8)
    assert (later.after(first), later.after(switch), later.after(second)) == (8, 3, 0)
    new = later.begin("play", "something new")
    assert (later.usual(new), later.left(new, 1)) == (0, 0)


def test_other_runs_say_nothing(tmp_path: Path) -> None:
    go(tmp_path / "h", ("build", 10))
    other = History(tmp_path / "h", ["deploy"])
    assert other.left(other.begin("play", "build"), 0) == 0


def test_the_oldest_runs_are_forgotten(tmp_path: Path) -> None:
    for number in range(RUNS + 5):
        go(tmp_path / "h", ("build", 1), run=f"site {number}")
    assert len(json.loads((tmp_path / "h").read_text())) == RUNS
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


def test_numbers_that_can_not_be_are_none(tmp_path: Path) -> None:
    go(tmp_path / "h", ("build", 10))
    text = (tmp_path / "h").read_text().replace("10", "-1")
    (tmp_path / "h").write_text(text)
    again = History(tmp_path / "h", ["site"])
    assert again.left(again.begin("play", "build"), 0) == 0


@pytest.mark.parametrize("torn", ["", '{"a', "[]", '{"a": 1}', "\udcff", "[" * 100_000])
def test_a_file_that_is_torn_does_no_harm(tmp_path: Path, torn: str) -> None:
    file = tmp_path / "h"
    file.write_bytes(torn.encode(errors="surrogateescape"))
    go(file, ("build", 10))
    again = History(file, ["site"])
    assert again.usual(again.begin("play", "build")) == 10
