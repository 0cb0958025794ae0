"""Which tests are left out where there is no time for all of them, and how the suite learns of it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from lab.change import Change, read_change
from lab.suite import LEAVES_OUT, REPEATS_EXCEPT, ends_file, left_out_file


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What decides of a test: its file, its markers, and the concerns that it says it is about."""

    file: str
    markers: Collection[str]
    about: Collection[str] = ()


@dataclasses.dataclass(frozen=True)
class Selection:
    """The rules. On a machine that is quick enough, nothing is left out.

    `own_marker` is the marker of the tests that run on these hosts alone: the others repeat what another scenario tests.
    """

    leaves_out: bool = False
    own_marker: str = ""
    change: Change = dataclasses.field(default_factory=Change)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Selection:
        """The selection that the suite and the scenario have asked for."""
        if not environment.get(LEAVES_OUT):
            return cls()
        return cls(True, environment.get(REPEATS_EXCEPT, ""), read_change())

    def runs(self, test: Candidate) -> bool:
        """Whether a test runs. What is left out as a repeat has run on the other distribution."""
        if not self.leaves_out or self.change.touches_file(test.file):
            return True
        if self.own_marker and self.own_marker not in test.markers:
            return self.change.is_narrow and self.change.touches(test.about)
        return "long_on_slow" not in test.markers or self.change.touches(test.about)


def candidate(item: pytest.Item) -> Candidate:
    """What the rules ask of a test that pytest has found."""
    markers = list(item.iter_markers())
    about = [concern for marker in markers if marker.name == "about" for concern in marker.args]
    return Candidate(item.nodeid.partition("::")[0], {marker.name for marker in markers}, about)


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the selection leaves out, and write the names beside the results, where the suite finds them."""
    selection = Selection.of(os.environ)
    out = [item for item in items if not selection.runs(candidate(item))]
    if nameless := [item.nodeid for item in out if not candidate(item).about]:
        raise pytest.UsageError(f"Mark what these are about, so that a change of it keeps them: {', '.join(nameless)}")
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
    if config.option.xmlpath:
        file = left_out_file(Path(config.option.xmlpath))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{item.nodeid}\n" for item in out), encoding="utf-8")


class Clock:
    """Leaves out what has not begun when the time is over, but never a test whose own file is changed."""

    def __init__(self, ends: float, left_out: Path, change: Change) -> None:
        self.ends, self.left_out, self.change = ends, left_out, change

    @classmethod
    def of(cls, config: pytest.Config) -> Clock | None:
        """The clock that the suite has set, or none."""
        results = Path(config.option.xmlpath or os.devnull)
        file = ends_file(results)
        if not config.option.xmlpath or not file.exists():
            return None
        return cls(float(file.read_text(encoding="utf-8")), left_out_file(results), read_change())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Say that a test is done with, where there is no time for it."""
        name = item.nodeid
        if time.time() < self.ends or self.change.touches_file(name.partition("::")[0]):
            return None
        with self.left_out.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return True
