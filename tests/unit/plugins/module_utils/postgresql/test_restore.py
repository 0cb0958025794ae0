"""A restore finds the backup that leads to a moment, and refuses one to which none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import restore, sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import ARCHIVED
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
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


LOOK: dict[str, Any] = {
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


def test_what_lies_before_a_gap_is_reached_up_to_there() -> None:
    before = {"label": "before", "stop": NOW - 900, "until": NOW - 700}
    cut = {"label": "cut", "stop": NOW - 650, "until": 0}
    after = {"label": "after", "stop": NOW - 100, "until": None}
    look = {"repositories": [{"number": 1, "since": NOW - 100, "backups": [before, cut, after]}], "points": {}, "returns": []}

    assert target_of(look, {"time": restore.shown(NOW - 800)}, NOW).backup == "before"
    assert target_of(look, {"backup": "before"}, NOW).backup == "before"
    for wanted in ({"time": restore.shown(NOW - 600)}, {"backup": "cut"}):
        with pytest.raises(Trouble, match=r"No backup leads|no backup 'cut' that is whole"):
            target_of(look, wanted, NOW)


def test_a_backup_with_damaged_pages_is_taken_only_where_no_other_leads() -> None:
    sound = {"label": "sound", "stop": NOW - 900, "until": None}
    damaged = {"label": "damaged", "stop": NOW - 500, "until": None, "damaged": True}

    def taken(*backups: dict[str, Any]) -> str:
        return target_of(
            {"repositories": [{"number": 1, "since": 1, "backups": [*backups]}], "points": {}, "returns": []}, {}, NOW
        ).backup

    assert taken(sound, damaged) == "sound"
    assert taken(damaged) == "damaged"


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
    for ago in (500, 400):
        with pytest.raises(Trouble, match=r"was undone by the restore of .*\n.*restore_name"):
            target_of(look, {"time": restore.shown(NOW - ago)}, NOW)
    assert target_of(look, {"time": restore.shown(NOW - 700)}, NOW).backup == "a"
    assert target_of(look, {"time": restore.shown(NOW - 300)}, NOW).backup == "a"
    back = target_of(look, {"name": "before-restore"}, NOW)
    assert back.backup == "undone" and "--target-timeline=1" in back.options


class Host:
    """A host whose server archives, until it is told to be another one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.called: list[str] = []
        self.running = True
        self.version = "17"
        # What is left to archive once the server has stopped.
        self.left = 0
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in (f"{self.cluster.data}/pg_wal/archive_status", self.cluster.configuration, str((root / ARCHIVED).parent)):
            Path(folder).mkdir(parents=True)
        Path(self.cluster.data, "postmaster.opts").touch()
        (root / ARCHIVED).touch()
        self.restore = restore.Restore(self.cluster, self)  # type: ignore[arg-type]

    keeper = "shop"

    def ask(self, *words: str) -> Any:
        self.called.append(" ".join(("backups", *words)))
        return {**LOOK, "repositories": [{**one, "version": self.version} for one in LOOK["repositories"]]}

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        line = " ".join(command) + (f" {data}" if data else "")
        self.called.append(line)
        if "systemctl stop postgresql" in line:
            self.running = False
            for number in range(self.left):
                Path(self.cluster.data, f"pg_wal/archive_status/00000001000000000000000{number}.ready").touch()
        if "systemctl start postgresql" in line:
            self.running = True
        if "pg_walfile_name" in line:
            return 0, "000000010000000000000007"
        if "last_archived_wal" in line:
            return 0, "000000010000000000000007"
        if "pg_is_in_recovery" in line:
            return 0, "f"
        if "is-active" in line and "postgresql" in line:
            return (0 if self.running else 3), ""
        return 0, ""

    def did(self, *parts: str) -> list[str]:
        return [line for line in self.called if any(part in line for part in parts)]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(restore, "is_running", lambda _cluster: host.running)
    monkeypatch.setattr(sharing, "parts_of", lambda _cluster, _certificate: {"shop": 1, "wiki": 2})
    return host


def test_the_last_moment_is_named_when_everything_before_it_is_archived_and_stops_no_copy_later(host: Host) -> None:
    told = host.restore.in_place({})
    order = [
        line for line in host.called if any(word in line for word in ("pg_switch_wal", "point", "stop postgresql", "restore"))
    ]

    assert [next(word for word in ("switch", "point", "stop", "pgbackrest") if word in line) for line in order[:4]] == [
        "switch",
        "point",
        "stop",
        "pgbackrest",
    ]
    assert told["former"].startswith("before-restore-") and told["others"] == ["wiki"]
    assert {line.split("alter system reset ")[1].strip() for line in host.did("alter system reset")} == set(restore.OF_RECOVERY)


def test_a_server_that_archives_nothing_promises_no_way_back(host: Host) -> None:
    (host.root / ARCHIVED).unlink()

    assert host.restore.plan({})["lost"] == "everything that this server has, of which nothing is archived"
    assert host.restore.in_place({})["former"] == ""
    assert not host.did("backups point")


def test_a_server_whose_last_changes_are_not_archived_goes_on(host: Host) -> None:
    host.left = 1
    with pytest.raises(PostgresqlError, match=r"stopped before its last changes were archived .* It runs again, as it was"):
        host.restore.in_place({})

    assert host.running and not host.did("pgbackrest")


def test_what_a_stopped_server_never_archived_is_said_with_the_way_to_keep_it(host: Host) -> None:
    host.left = 2
    host.run(["systemctl", "stop", "postgresql@17-main.service"])

    assert "32 MiB of changes that were never archived" in host.restore.plan({})["lost"]
    assert "archive-push" in host.restore.plan({})["lost"]
    assert host.restore.in_place({})["former"] == ""


def test_files_of_another_version_are_refused_before_anything_stops(host: Host) -> None:
    host.version = "15"
    for act in (host.restore.plan, host.restore.in_place):
        with pytest.raises(PostgresqlError, match=r"is one of PostgreSQL 15, and .* runs 17\. Nothing was changed"):
            act({})
    assert host.running


def test_nobody_is_told_to_remove_a_server_that_is_no_copy(host: Host) -> None:
    Path(host.cluster.configuration, "postgresql.conf").touch()
    Path(host.cluster.data, "PG_VERSION").touch()
    with pytest.raises(PostgresqlError, match="no copy that a restore has made") as raised:
        host.restore.beside({}, host.cluster)
    assert "pg_dropcluster" not in str(raised.value)


def test_a_member_of_a_cluster_is_not_taken_back_in_place(host: Host) -> None:
    Path(host.cluster.patroni).parent.mkdir(parents=True)
    Path(host.cluster.patroni).touch()
    with pytest.raises(PostgresqlError, match=r"is a member of a cluster, .* Nothing was changed") as raised:
        host.restore.in_place({})
    assert "restore_beside" in str(raised.value) and not host.called


def test_what_follows_leaves_restores_to_the_primary(host: Host) -> None:
    assert not restore.follows(host.cluster)
    Path(host.cluster.patroni).parent.mkdir(parents=True)
    Path(host.cluster.patroni).touch()
    assert not restore.follows(host.cluster), "the primary"
    host.running = False
    assert restore.follows(host.cluster), "one that doesn't answer"
