"""What a turn does, with pgBackRest and PostgreSQL played by lists."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.roles.pgbackrest.program import backup, drill, due, kept, pgbackrest, postgres, turns, wal

FULL = ["backup --type=full --repo=1 --no-expire-auto", "expire --repo=1"]


class Host:
    """A host with PostgreSQL and one repository."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.backups: list[dict[str, Any]] = []
        self.exists = False
        self.files: list[int] = []
        self.fails = self.error = self.system_of_repository = ""
        self.free = 2**40
        self.bytes = str(4 * 2**30)
        self.cleared = 0
        self.timeline = 1
        self.begun: list[Path] = []
        self.damaged = False
        self.away: set[int] = set()
        self.begins: dict[int, int] = {}
        self.of_members: dict[str, Any] = {}
        self.following: list[str] = []
        self.fulls = FULL
        self.data = folder / "data"
        self.drilled: dict[str, Any] = {"good": True, "said": ""}
        settings = kept.Settings("shop", "17", "main", 5432, ({"number": 1, "where": "/r", "elsewhere": False},), 2, 7, 7)
        self.kept = kept.Kept("shop", folder)
        self.turns = turns.Turns(settings, self.kept)
        self.turns.server = cast(Any, self)
        patch.setattr(turns, "pgbackrest", self.pgbackrest)
        patch.setattr(turns, "repository", self.repository)
        patch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=self.free))
        patch.setattr(
            turns,
            "archived_paths",
            lambda _number, _archive: [f"{wal.File(self.timeline, n)}-{'0' * 40}.zst" for n in self.files],
        )
        patch.setattr(drill.Drill, "clear", self.clear)
        patch.setattr(
            drill.Drill,
            "rehearse",
            lambda _self, number, made, _beat: {"at": 0, "repository": number, "backup": made["label"], **self.drilled},
        )

    # The server.
    starts_by_itself = True
    is_member, name, settled = False, "db1", 7.0
    follows, archives = False, True
    segment = "16MB"

    def state(self) -> tuple[bool, bool]:
        return self.follows, self.archives

    def archiving(self) -> bool | None:
        return None if self.follows else self.archives

    def waiting(self) -> dict[str, Any]:
        return {"mb": 0, "since": 0, "free_mb": 0}

    def system(self) -> str:
        return "7001"

    def segment_size(self) -> str:
        return self.segment

    def size(self) -> int:
        return int(self.bytes)

    def histories(self) -> list[Path]:
        return self.begun

    def way(self) -> dict[int, int]:
        return self.begins

    def notes(self) -> dict[str, Any]:
        return self.of_members

    def keep_note(self, name: str, said: Any) -> None:
        self.of_members[name] = said

    def settled_beat(self) -> float:
        return self.settled

    def copies(self) -> list[str]:
        return self.following

    def would_archive(self) -> bool | None:
        return self.archives

    def clear(self) -> None:
        self.cleared += 1

    def beat(self) -> float:
        return 1.0

    def name_moment(self, _name: str) -> tuple[float, int]:
        return 5.0, 2

    def repository(self, number: int) -> dict[str, Any]:
        found = {"backups": self.backups, "exists": self.exists, "error": self.error, "busy": False}
        found |= {"archive": "17-1", "version": "17", "system": self.system_of_repository}
        return found | ({"backups": [], "error": "[HostConnectError]"} if number in self.away else {})

    def pgbackrest(self, *words: str) -> str:
        self.calls.append(" ".join(words))
        if self.fails and self.calls[-1].startswith(self.fails):
            raise pgbackrest.BackupError(f"{words[0]} failed: no room")
        if words[0] == "stanza-create":
            self.exists = True
        if words[0] == "backup":
            first = max(self.files, default=0) + 1
            self.files += [first, first + 1]
            made = backup("full", 0, first=first, now=time.time() - 3600)
            self.backups.append(made | {"type": words[1].removeprefix("--type="), "error": self.damaged})
        return ""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(due, "last_night", lambda now, _hour: now - 7200)
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def failing(host: Host) -> Callable[[], str]:
    def turn() -> str:
        with pytest.raises(pgbackrest.BackupError) as raised:
            host.turns.turn()
        return str(raised.value)

    return turn


def test_the_first_turn_makes_the_repository_and_a_full_backup_and_the_second_nothing(host: Host) -> None:
    host.turns.turn()
    assert host.calls == ["stanza-create", "check", *FULL]
    assert host.kept.archived.exists()
    host.calls.clear()
    host.turns.turn()
    assert host.calls == ["check"]


def test_nothing_is_archived_before_the_repository_is_there(host: Host, failing: Callable[[], str]) -> None:
    host.fails = "stanza-create"
    assert "no room" in failing()
    assert not host.kept.archived.exists()
    assert "no room" in host.turns.look()["failure"]


def test_what_began_before_the_server_archived_is_archived_first(host: Host, failing: Callable[[], str]) -> None:
    host.begun = [Path("/d/pg_wal/00000002.history"), Path("/d/pg_wal/00000003.history")]
    host.fails = "archive-push"
    failing()
    assert not host.kept.archived.exists(), "a restore would take a timeline that there is already"
    host.fails = ""
    host.calls.clear()
    host.turns.turn()
    pushes = [f"archive-push --no-archive-async {path}" for path in host.begun]
    assert host.calls == [*pushes, "check", *FULL]
    host.calls.clear()
    host.turns.turn()
    assert host.calls == ["check"]


def test_histories_of_timelines_are_told_from_other_files(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pg_wal").mkdir()
    for name in ("00000003.history", "00000002.history", "000000030000000000000007", "RECOVERYHISTORY"):
        (tmp_path / "pg_wal" / name).touch()
    monkeypatch.setattr(postgres.Postgres, "data", tmp_path)
    names = [path.name for path in postgres.Postgres(host.turns.settings).histories()]
    assert names == ["00000002.history", "00000003.history"]


def test_the_way_to_the_present_timeline_is_read_where_the_server_keeps_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pg_wal").mkdir()
    monkeypatch.setattr(postgres.Postgres, "data", tmp_path)
    monkeypatch.setattr(postgres.Postgres, "ask", lambda _self, _query: "000000020000000000000005")
    server = postgres.Postgres(host.turns.settings)
    # As PostgreSQL 17 writes it.
    (tmp_path / "pg_wal/00000002.history").write_text("1\t0/1500940\tno recovery target specified\n", encoding="utf-8")
    assert server.way() == {1: 0, 2: 1}
    (tmp_path / "pg_wal/00000002.history").write_bytes(b'1\t0/1500940\tat restore point "caf\xe9"\n')
    assert server.way() == {1: 0, 2: 1}
    (tmp_path / "pg_wal/00000002.history").unlink()
    assert server.way() == {}


def test_a_gap_behind_the_beginning_of_a_timeline_is_told(host: Host) -> None:
    host.turns.turn()
    host.timeline, host.begins = 2, {1: 0, 2: 2}
    host.files = [3, 4]
    host.turns.turn()
    assert host.turns.look()["repositories"][0]["gaps"] == [str(wal.File(1, 1)), str(wal.File(2, 2))]


def second_repository(host: Host) -> None:
    """Have the host back up into another place as well."""
    elsewhere = {"number": 2, "where": "s3.example.org/b", "elsewhere": True}
    both = (*host.turns.settings.repositories, elsewhere)
    host.turns.settings = dataclasses.replace(host.turns.settings, repositories=both)


def test_a_repository_that_is_away_stops_no_other(host: Host, failing: Callable[[], str]) -> None:
    host.turns.turn()
    second_repository(host)
    host.backups.clear()
    host.calls.clear()
    host.kept.write("gaps-1", [[str(wal.File(1, 9))] * 2])
    host.away, host.fails = {1}, "check"
    told = failing()
    assert "check failed" in told and "the backups in /r can't be read: [HostConnectError]" in told
    assert host.turns.look()["failure"] == told.replace("\n", "; ")
    assert host.calls == ["check", *(call.replace("1", "2") for call in FULL)]
    assert host.kept.read("gaps-1", []), "what it lacks was forgotten"
    with pytest.raises(pgbackrest.BackupError, match="check failed"):
        host.turns.drill()
    assert not host.turns.look()["drill"]


def test_a_backup_that_fails_in_one_repository_is_made_in_the_others(host: Host) -> None:
    second_repository(host)
    host.fails = "backup --type=full --repo=1"
    with pytest.raises(pgbackrest.BackupError, match="no room"):
        host.turns.backup("full")
    assert "expire --repo=2" in host.calls and "no room" in host.turns.look()["failure"]


def test_a_new_repository_that_is_away_stops_no_other(host: Host, failing: Callable[[], str]) -> None:
    host.turns.turn()
    host.exists, host.fails = False, "stanza-create"
    host.calls.clear()
    assert "no room" in failing()
    assert host.calls == ["stanza-create", "check"]


def test_a_failure_is_remembered_until_a_turn_succeeds(host: Host, failing: Callable[[], str]) -> None:
    host.fails = "backup"
    failing()
    assert host.turns.look()["failure"]
    host.fails = ""
    host.turns.turn()
    assert host.turns.look()["failure"] == ""


def test_a_gap_is_told_and_a_full_backup_begins(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.turns.turn()
    host.files += [5, 6]
    looked = host.turns.look()["repositories"][0]
    assert looked["gaps"] == []
    host.calls.clear()
    host.turns.turn()
    assert host.calls == ["check", *FULL]
    assert f"lacks {wal.File(1, 3)} to {wal.File(1, 4)}" in capsys.readouterr().out
    looked = host.turns.look()["repositories"][0]
    assert looked["gaps"] and looked["open_gaps"] == []
    assert looked["since"] == host.backups[-1]["timestamp"]["stop"]
    assert [one["until"] for one in looked["backups"]] == [host.backups[0]["timestamp"]["stop"], None]
    host.calls.clear()
    host.turns.turn()
    assert host.calls == ["check"]


def test_what_is_missing_in_a_repository_that_is_away_is_not_told(host: Host) -> None:
    host.turns.turn()
    host.kept.write("gaps-1", [[str(wal.File(1, 9))] * 2])
    assert host.turns.look()["repositories"][0]["open_gaps"]
    host.error, host.backups = "timeout", []
    looked = host.turns.look()["repositories"][0]
    assert (looked["error"], looked["newest"], looked["gaps"], looked["open_gaps"]) == ("timeout", None, [], [])


def test_a_gap_stays_open_while_the_full_backup_fails(host: Host, failing: Callable[[], str]) -> None:
    host.turns.turn()
    host.files += [5, 6]
    host.fails = "backup"
    failing()
    assert host.turns.look()["repositories"][0]["open_gaps"]


def test_a_server_that_does_not_archive_yet_names_the_remedy(host: Host, failing: Callable[[], str]) -> None:
    host.archives = False
    assert "playbooks/backup.yml" in failing()
    assert host.calls == []


@pytest.mark.parametrize("state", [{"follows": True}, {"starts_by_itself": False}])
def test_a_copy_and_a_server_that_was_moved_are_left_alone(host: Host, state: dict[str, bool]) -> None:
    for name, value in state.items():
        setattr(host, name, value)
    host.turns.turn()
    assert host.calls == []


def test_a_failed_drill_is_told_and_kept(host: Host) -> None:
    host.turns.backup("full")
    host.drilled = {"good": False, "said": "checksum error"}
    with pytest.raises(pgbackrest.BackupError, match="checksum error"):
        host.turns.drill()
    assert host.turns.look()["drill"]["good"] is False


def test_names_of_moments_are_remembered_beside_the_database(host: Host) -> None:
    host.turns.point("before")
    assert host.turns.look()["points"] == {"before": {"moment": 5.0, "timeline": 2}}
    for number in range(300):
        host.kept.remember_point(f"release-{number}", number, 1)
    assert len(host.turns.look()["points"]) == kept.POINTS_AT_MOST


def test_only_one_makes_backups_at_a_time(host: Host) -> None:
    with host.kept.alone(), pytest.raises(kept.Busy):
        host.turns.turn()


def test_no_room_for_a_drill_is_told_in_figures(host: Host, tmp_path: Path) -> None:
    with pytest.raises(pgbackrest.BackupError, match="MiB free"):
        drill.Drill(host.turns.settings, tmp_path / "drill").make_room(10**18)


def test_a_drill_restores_the_backup_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(drill, "pgbackrest", lambda *words: calls.append(words))
    for act in ("make_room", "start", "check"):
        monkeypatch.setattr(drill.Drill, act, lambda _self, *_words: None)
    result = drill.Drill(cast(Any, SimpleNamespace(port=5432)), tmp_path / "drill").rehearse(2, backup("full", 1), 5.0)
    assert result["good"] and result["backup"] == "full-1"
    assert {"restore", "--repo=2", "--set=full-1"} <= set(calls[0])


def test_what_pgbackrest_says_of_a_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        {
            "status": {"code": 0, "message": "ok"},
            "repo": [{"key": 1, "status": {"code": 99, "message": "timeout"}}],
            "backup": [backup("full", 1)],
            "db": [{"id": 1, "repo-key": 1, "system-id": 7001, "version": "17"}],
            "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1"}],
        }
    ]
    monkeypatch.setattr(pgbackrest, "pgbackrest", lambda *_words: json.dumps(told))
    found = pgbackrest.repository(1)
    assert (found["error"], found["exists"], found["archive"], len(found["backups"])) == ("timeout", True, "17-1", 1)
    assert (found["version"], found["system"]) == ("17", "7001")
    monkeypatch.setattr(pgbackrest, "pgbackrest", lambda *_words: "[]")
    nothing = pgbackrest.repository(1)
    assert nothing["exists"] is False and nothing.keys() == found.keys()

    def away(*_words: str) -> str:
        raise pgbackrest.BackupError("no answer")

    monkeypatch.setattr(pgbackrest, "pgbackrest", away)
    assert pgbackrest.repository(1) == nothing | {"exists": True, "error": "no answer"}


def test_after_a_restore_in_place_a_full_backup_is_due_and_what_was_undone_is_rehearsed_no_more(host: Host) -> None:
    host.turns.turn()
    host.calls.clear()
    host.turns.note_return(time.time() - 10 * 3600)
    with pytest.raises(pgbackrest.BackupError, match="no backup"):
        host.turns.drill()
    host.calls.clear()
    host.timeline = 2
    host.turns.turn()
    assert FULL[0] in host.calls


def test_backups_of_an_earlier_major_version_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "status": {"code": 0, "message": "ok"},
        "backup": [backup("full", 1)],
        "db": [{"id": n, "repo-key": 1, "system-id": 7000 + n, "version": str(16 + n)} for n in (1, 2)],
        "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1"}, {"database": {"id": 2, "repo-key": 1}, "id": "18-2"}],
    }
    monkeypatch.setattr(pgbackrest, "pgbackrest", lambda *_words: json.dumps([told]))
    found = pgbackrest.repository(1)
    assert (found["backups"], found["archive"], found["system"]) == ([], "18-2", "7002")


def test_nothing_is_archived_into_the_backups_of_another_server(host: Host, failing: Callable[[], str]) -> None:
    host.turns.turn()
    host.calls.clear()
    host.system_of_repository = "6999"
    assert "stanza-upgrade" in failing()
    assert not host.kept.archived.exists(), "what waits for them would fill the disk"
    assert host.calls == []


def test_archiving_does_not_begin_into_backups_that_can_not_be_read(host: Host, failing: Callable[[], str]) -> None:
    host.exists, host.error = True, "[CryptoError] cipher header invalid"
    assert "cipher header invalid" in failing()
    assert not host.kept.archived.exists()


def test_what_is_archived_already_waits_for_a_repository_that_is_away(host: Host, failing: Callable[[], str]) -> None:
    host.turns.turn()
    host.error, host.fails = "timeout", "check"
    failing()
    assert host.kept.archived.exists()


@pytest.mark.parametrize(("free_gib", "made"), [(2.4, False), (2.6, True)])
def test_the_first_backup_is_not_begun_where_it_would_fill_the_disk(host: Host, free_gib: float, made: bool) -> None:
    host.free = int(free_gib * 2**30)
    if made:
        host.turns.turn()
    else:
        with pytest.raises(pgbackrest.BackupError, match="a full backup needs about 2560 MiB, and /r has 2457 MiB free"):
            host.turns.turn()
    assert (FULL[0] in host.calls) == made


def test_a_later_backup_needs_what_the_one_before_it_has(host: Host) -> None:
    host.turns.turn()
    host.free = 600 * 2**20
    with pytest.raises(pgbackrest.BackupError, match="needs about 632 MiB"):
        host.turns.backup("full")
    host.turns.backup("diff")


def test_a_turn_throws_away_what_an_interrupted_drill_has_left(host: Host) -> None:
    host.turns.turn()
    assert host.cleared == 1


def test_a_fault_that_nobody_has_thought_of_is_remembered_too(host: Host, failing: Callable[[], str]) -> None:
    host.bytes = "no number"
    assert "ValueError" in failing()
    assert "ValueError" in host.turns.look()["failure"]


def test_the_look_tells_whether_the_server_archives(host: Host) -> None:
    assert host.turns.look()["archives"] is True
    host.archives = False
    assert host.turns.look()["archives"] is False
    host.follows = True
    assert host.turns.look()["archives"] is None
    host.follows, host.starts_by_itself = False, False
    assert host.turns.look()["archives"] is None


def test_what_waits_to_be_archived_is_counted_without_the_server(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "pg_wal/archive_status"
    status.mkdir(parents=True)
    for number, name in enumerate(("1.ready", "2.ready", "3.done")):
        (status / name).touch()
        os.utime(status / name, (1000 + number, 1000 + number))
    host.free = 7 * 2**20
    monkeypatch.setattr(postgres.Postgres, "data", tmp_path)
    assert postgres.Postgres(host.turns.settings).waiting() == {"mb": 32, "since": 1000.0, "free_mb": 7}


def test_a_log_in_files_of_another_size_is_not_archived(host: Host, failing: Callable[[], str]) -> None:
    host.segment = "64MB"
    assert "in files of 64MB" in failing()
    assert not host.kept.archived.exists()


def test_what_is_remembered_of_one_site_is_nothing_of_the_next(host: Host, tmp_path: Path) -> None:
    host.drilled = {"good": False, "said": "checksum error"}
    host.turns.backup("full")
    with pytest.raises(pgbackrest.BackupError):
        host.turns.drill()
    next_one = kept.Kept("blog", tmp_path)
    assert host.kept.read("drill", {}) and not next_one.read("drill", {})
    assert next_one.archived == host.kept.archived


def test_the_look_tells_how_much_room_backups_on_the_host_have(host: Host) -> None:
    host.free = 700 * 2**20
    assert host.turns.look()["repositories"][0]["free_mb"] == 700


def test_a_backup_with_damaged_pages_has_no_sound_one_expired_and_is_told(host: Host) -> None:
    host.turns.turn()
    host.damaged = True
    host.calls.clear()
    host.turns.backup("full")
    assert host.calls == ["check", FULL[0]]
    assert [one["damaged"] for one in host.turns.look()["repositories"][0]["backups"]] == [False, True]
    host.calls.clear()
    host.turns.turn()
    assert host.calls == ["check"], "another one would have the same pages damaged"


@pytest.fixture
def member(host: Host) -> Host:
    """A member of a cluster that leads, with two that follow."""
    host.is_member, host.starts_by_itself = True, False
    host.following, host.begins = ["db2", "db3"], {1: 0}
    host.fulls = [FULL[0] + " --annotation=host=db1", FULL[1]]
    return host


def test_the_member_that_leads_makes_the_backups_and_says_so_in_them(member: Host) -> None:
    member.turns.turn()
    assert member.calls == ["stanza-create", "check", *member.fulls]
    looked = member.turns.look()
    assert looked["archives"] and looked["repositories"][0]["newest"]
    # One that follows rehearses.
    assert (looked["drill"], looked["drill_days"]) == ({}, 0)


def test_a_copy_is_ready_to_archive_and_makes_nothing(member: Host) -> None:
    member.follows, member.exists, member.name = True, True, "db3"
    member.of_members = {"points": {"before": {"moment": 5.0, "timeline": 2}}}
    member.turns.turn()
    assert member.calls == [] and member.kept.archived.exists()
    assert member.kept.read("points", {}) == member.of_members["points"]
    looked = member.turns.look()
    assert looked["follows"] and looked["ready"] and "repositories" not in looked
    assert member.turns.backup("full")["follows"] and member.turns.point("x") == {"follows": True}
    assert member.calls == []


def test_a_copy_without_a_repository_would_archive_nothing_and_says_so(
    member: Host, failing: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "REPOSITORY_SECONDS", 0)
    member.follows = True
    assert "made no repository yet" in failing()
    assert not member.kept.archived.exists() and "made no repository yet" in member.turns.look()["failure"]
    member.error = "timeout"
    assert "can't be read" in failing()


def test_a_copy_never_archives_into_the_backups_of_another_cluster(member: Host, failing: Callable[[], str]) -> None:
    member.follows, member.exists, member.system_of_repository = True, True, "7002"
    assert "are of another server" in failing()
    assert not member.kept.archived.exists()


def test_the_first_copy_rehearses_and_alone_the_primary(member: Host) -> None:
    assert member.turns.drill() == {"left_to": "db2"}
    member.turns.backup("full")
    member.name, member.follows = "db2", True
    assert member.turns.drill()["good"]
    assert member.turns.look()["drill"]["good"] and member.turns.look()["drill_days"] == 7
    member.name, member.follows, member.following = "db1", False, []
    assert member.turns.drill()["good"]


def test_what_was_named_on_one_member_is_known_to_the_next_primary(member: Host, tmp_path: Path) -> None:
    member.turns.point("before")
    assert member.of_members["points"] == {"before": {"moment": 5.0, "timeline": 2}}
    member.kept.folder = member.kept.notes = tmp_path / "db2"
    member.turns.point("after")
    assert set(member.turns.look()["points"]) == {"before", "after"} == set(member.of_members["points"])


def test_a_member_archives_what_the_former_primary_had_not(member: Host) -> None:
    member.turns.turn()
    member.data.joinpath("pg_wal").mkdir(parents=True)
    lacking = member.data / "pg_wal" / str(wal.File(1, 3))
    lacking.touch()
    member.files += [4, 5]
    member.calls.clear()
    archive = member.pgbackrest

    def pgbackrest_(*words: str) -> str:
        if words[0] == "archive-push":
            member.files.append(3)
        return archive(*words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "pgbackrest", pgbackrest_)
        member.turns.turn()
    assert member.calls == ["check", f"archive-push --no-archive-async {lacking}"]
    assert member.turns.look()["repositories"][0]["gaps"] == []


def test_a_member_that_lacks_it_as_well_makes_a_full_backup(member: Host) -> None:
    member.turns.turn()
    member.files += [4, 5]
    member.calls.clear()
    member.turns.turn()
    assert member.calls == ["check", *member.fulls]


@pytest.mark.parametrize(("begin", "calls"), [(9, []), (1, ["full"])])
def test_a_failover_wants_no_full_backup_but_what_was_left_does(member: Host, begin: int, calls: list[str]) -> None:
    member.turns.turn()
    member.calls.clear()
    member.timeline, member.begins = 2, {1: 0, 2: begin}
    member.turns.turn()
    assert member.calls == ["check", *(member.fulls if calls else [])]
