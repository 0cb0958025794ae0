"""What the status says of backups: trouble where there is some, else since when a restore is possible."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.status import backups
from ansible_collections.hotclub.django.plugins.module_utils.status.backups import (
    DAY,
    HOUR,
    look_at_kept_backups,
    look_at_kept_uploads,
    problems,
    problems_of_copy,
    remarks,
    waiting,
)

NOW = 1_800_000_000.0
NEWEST = {"label": "a", "type": "full", "stop": NOW - 10 * HOUR}
WELL = {
    "number": 1,
    "where": "/r",
    "elsewhere": False,
    "error": "",
    "newest": NEWEST,
    "since": NOW - DAY,
    "gaps": [],
    "open_gaps": [],
}
DRILL = {"good": True, "at": NOW - DAY, "seconds": 9.5, "backup": "a", "said": ""}


def look(drill: dict[str, Any] | None = None, failure: str = "", **repository: Any) -> dict[str, Any]:
    return {"repositories": [WELL | repository], "failure": failure, "drill": DRILL if drill is None else drill, "drill_days": 7}


def test_all_is_well() -> None:
    assert problems(look(), NOW, DAY) == []
    said = " ".join(remarks(look()))
    assert "any moment since" in said and "in 9.5 s, and succeeded" in said


@pytest.mark.parametrize(
    ("looked", "said"),
    [
        (look(failure="no room"), "the last backup failed: no room"),
        (look(error="timeout"), "can't be read: timeout"),
        (look(newest=None), "there is no backup in /r"),
        (look(newest=NEWEST | {"stop": NOW - 3 * DAY}), "3 days old"),
        (look(newest=NEWEST | {"damaged": True}), "page checksums of the newest backup in /r, a, are wrong"),
        (look(free_mb=700), "only 700 MiB are left on the disk of the backups in /r"),
        (look(open_gaps=["000000010000000000000003"]), "lacks 000000010000000000000003"),
        (look(DRILL | {"good": False, "said": "checksum error"}), "failed: checksum error"),
        (look(DRILL | {"at": NOW - 20 * DAY}), "the last drill is 20 days old"),
    ],
)
def test_what_is_trouble(looked: dict[str, Any], said: str) -> None:
    found = problems(looked, NOW, DAY)
    assert len(found) == 1 and said in found[0]


def test_the_first_backup_has_its_time() -> None:
    assert problems(look({}, newest=None), NOW, HOUR) == []
    assert "no backup of the database yet" in remarks(look({}, newest=None))[0]


def test_a_gap_that_a_newer_backup_makes_up_for_is_worth_knowing() -> None:
    looked = look(gaps=["000000010000000000000003"])
    assert problems(looked, NOW, DAY) == []
    assert any("makes up for it" in remark for remark in remarks(looked))


def test_a_backup_with_damaged_pages_is_worth_knowing_after_a_sound_one() -> None:
    looked = look(backups=[{"label": "b", "damaged": True}, {"label": "a", "damaged": False}])
    assert problems(looked, NOW, DAY) == []
    assert "page checksums of b in /r were wrong: what is restored from there is damaged" in remarks(looked)


def test_backups_on_the_same_host_alone_are_worth_knowing() -> None:
    assert any("no backup is on another machine" in remark for remark in remarks(look()))
    assert not any("no backup is on another machine" in remark for remark in remarks(look(elsewhere=True)))


def test_a_server_that_archives_nothing_before_a_restart_is_trouble_with_its_remedy() -> None:
    for looked in (look({}, newest=None), look({}, newest=None, failure="PostgreSQL archives nothing"), look()):
        [found] = problems(looked | {"archives": False}, NOW, HOUR)
        assert "archives nothing until it restarts (archive_mode is still off)" in found
        assert "Run playbooks/backup.yml: it restarts it while requests are held" in found
    assert "begins within minutes" not in " ".join(remarks(look({}, newest=None) | {"archives": False}))
    assert problems(look({}, newest=None) | {"archives": True}, NOW, HOUR) == []


@pytest.mark.parametrize(
    ("queue_mb", "end"), [(0, "PostgreSQL stops when it is full; pgbackrest_queue_mb"), (4096, "beyond 4096 MiB is dropped")]
)
def test_changes_that_wait_fill_the_disk_and_are_trouble(queue_mb: int, end: str) -> None:
    looked = look() | {"waiting": {"mb": 640, "since": NOW - HOUR, "free_mb": 900}}
    [found] = waiting(looked, NOW, queue_mb)
    assert "640 MiB of changes wait since" in found and "900 MiB free" in found and end in found


@pytest.mark.parametrize("queue", [None, {"mb": 0, "since": 0, "free_mb": 0}, {"mb": 16, "since": NOW - 300, "free_mb": 9}])
def test_changes_wait_for_moments_by_nature(queue: dict[str, Any] | None) -> None:
    assert waiting(look() | {"waiting": queue}, NOW, 0) == []


def test_a_first_backup_may_take_hours() -> None:
    looked = look({}, newest=None, busy=True)
    assert problems(looked, NOW, DAY) == []
    assert "the first one is being made" in remarks(looked)[0]


def test_room_elsewhere_is_not_looked_at() -> None:
    assert problems(look(free_mb=None), NOW, DAY) == problems(look(free_mb=5000), NOW, DAY) == []


COPY = {"follows": True, "archives": True, "ready": True, "failure": "", "drill": {}, "drill_days": 0}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, ""),
        ({"failure": "the backups can't be read from this copy"}, "can't be read from this copy"),
        ({"archives": False}, "would archive nothing as the primary until it restarts"),
        ({"drill": DRILL | {"good": False, "said": "checksum error"}, "drill_days": 7}, "failed: checksum error"),
    ],
)
def test_a_copy_tells_what_would_be_wrong_once_it_leads(state: dict[str, Any], said: str) -> None:
    found = problems_of_copy(COPY | state, NOW)
    assert len(found) == bool(said) and said in "".join(found)


def test_the_member_that_made_a_backup_is_named() -> None:
    assert ", in /r, made by db2; a restore" in remarks(look(newest=NEWEST | {"host": "db2"}))[0]
    assert ", in /r; a restore" in remarks(look())[0]


@pytest.mark.parametrize(
    ("code", "free_mb", "said"), [(0, 5000, ""), (3, 5000, "doesn't run"), (0, 700, "only 700 MiB are left")]
)
def test_a_host_that_keeps_backups_runs_its_server_and_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, free_mb: int, said: str
) -> None:
    monkeypatch.setattr(backups, "run", lambda command: Outcome(code if command[-1] == "shop-backup.service" else 1, ""))
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free_mb * 1024 * 1024))
    status: dict[str, Any] = {"problems": [], "remarks": []}
    look_at_kept_backups("shop", str(tmp_path), status)

    assert len(status["problems"]) == bool(said) and said in "".join(status["problems"])
    assert status["remarks"] == [f"the backups of shop are in {tmp_path}/shop, with {free_mb} MiB free"]


def test_the_age_of_the_uploads_newest_copy_is_told_and_too_old_a_one_is_trouble(tmp_path: Path) -> None:
    copy = tmp_path / "snapshots" / "c0ffee"
    copy.parent.mkdir()
    copy.touch()
    status: dict[str, Any] = {"problems": [], "remarks": []}
    look_at_kept_uploads("shop", str(tmp_path), status)
    assert status["problems"] == [] and "the newest copy of the uploads is of" in status["remarks"][0]

    then = time.time() - 3 * 86400
    os.utime(copy, (then, then))
    look_at_kept_uploads("shop", str(tmp_path), status)
    assert (
        f"the newest copy of the uploads in {tmp_path} is 3 days old. See `journalctl -u 'shop-uploads@*'`"
        in status["problems"][0]
    )


def test_uploads_of_which_no_copies_are_made_are_trouble(tmp_path: Path) -> None:
    status: dict[str, Any] = {"problems": [], "remarks": []}
    look_at_kept_uploads("shop", str(tmp_path), status)
    assert status["problems"] == ["no copies of the uploads are made: run playbooks/site.yml"]
