"""The day on which something began is kept, and only looked at where nothing may be made."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from ansible_collections.hotclub.django.plugins.lookup.first_day import first_day


def test_the_first_day_stays(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / ".hsts_since"
    today = first_day(path)

    assert abs((date.fromisoformat(today) - date.today()).days) <= 1
    path.write_text("2026-02-27\n")
    assert first_day(path) == "2026-02-27"


def test_a_preview_makes_nothing(tmp_path: Path) -> None:
    assert first_day(tmp_path / "secrets" / ".hsts_since", is_preview=True)
    assert not list(tmp_path.iterdir())
