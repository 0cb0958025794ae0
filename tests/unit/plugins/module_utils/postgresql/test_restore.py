"""A restore finds the backup that leads to a moment, and refuses one to which none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import restore
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.restore import target_of

NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def repository(number: int, since: float, **stops: float) -> dict[str, Any]:
    return {"number": number, "since": since, "backups": [{"label": label, "stop": stop} for label, stop in stops.items()]}


LOOK = {
    "repositories": [repository(1, NOW - 900, a=NOW - 900, b=NOW - 100), repository(2, NOW - 9000, old=NOW - 9000, a2=NOW - 900)],
    "points": {"before-import": {"moment": NOW - 500, "timeline": 3}},
    "returns": [],
}


def going(**wanted: str) -> restore.Target:
    return target_of(LOOK, wanted, NOW)


@pytest.mark.parametrize(("ago", "repository", "label"), [(50, 1, "b"), (500, 1, "a"), (1000, 2, "old")])
def test_the_newest_backup_before_the_moment_leads_there(ago: float, repository: int, label: str) -> None:
    target = going(time=restore.shown(NOW - ago))
    assert (target.moment, target.repository, target.backup) == (NOW - ago, repository, label)
    assert target.options == ("--type=time", f"--target={restore.shown(NOW - ago)}", "--target-action=promote")


def test_a_moment_is_by_the_hosts_clock_unless_it_says_otherwise() -> None:
    assert restore.shown(NOW) == "2027-01-15 09:00:00+01:00"
    assert restore.moment_of("2027-01-15 09:00:00") == NOW
    assert restore.moment_of("2027-01-15T08:00:00+00:00") == NOW


def test_a_name_leads_to_the_moment_that_was_named() -> None:
    target = going(name="before-import")
    assert (target.repository, target.backup, target.options[:2]) == (1, "a", ("--type=name", "--target=before-import"))
    assert "--target-timeline=3" in target.options


def test_a_backup_is_taken_as_it_is() -> None:
    assert going(backup="old").options == ("--type=immediate", "--target-action=promote")


def test_without_a_moment_it_is_the_newest_one() -> None:
    assert (going().backup, going().options) == ("b", ("--type=default",))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"time": "yesterday"}, "no moment"),
        ({"time": "2027-01-15 09:00:01"}, "still to come"),
        ({"time": "2027-01-14 09:00:00"}, "any moment since"),
        ({"name": "nobody"}, "before-import"),
        ({"backup": "c"}, "a, b"),
    ],
)
def test_what_leads_nowhere_is_refused_with_what_does(wanted: dict[str, str], said: str) -> None:
    with pytest.raises(Trouble, match=said):
        going(**wanted)


def test_nothing_is_restored_across_a_gap() -> None:
    look = {"repositories": [repository(1, NOW - 100, before=NOW - 900, after=NOW - 100)], "points": {}, "returns": []}
    with pytest.raises(Trouble, match="No backup leads"):
        target_of(look, {"time": restore.shown(NOW - 500)}, NOW)
    assert target_of(look, {"time": restore.shown(NOW - 50)}, NOW).backup == "after"


def test_without_any_backup_that_is_said() -> None:
    with pytest.raises(Trouble, match="no whole backup yet"):
        target_of({"repositories": [repository(1, 0)], "points": {}, "returns": []}, {}, NOW)


def test_what_a_restore_has_undone_leads_to_no_later_moment_but_to_its_own() -> None:
    # At 400 the server went back to 700.
    look = {
        "repositories": [repository(1, NOW - 900, a=NOW - 900, undone=NOW - 600)],
        "points": {"before-restore": {"moment": NOW - 401, "timeline": 1}},
        "returns": [{"since": NOW - 700, "until": NOW - 400}],
    }
    assert target_of(look, {}, NOW).backup == "a"
    assert target_of(look, {"time": restore.shown(NOW - 500)}, NOW).backup == "a"
    back = target_of(look, {"name": "before-restore"}, NOW)
    assert back.backup == "undone" and "--target-timeline=1" in back.options
