"""Moving a database: what forbids it, what is left to do, and each server's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.filter.postgresql_move import postgresql_move
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import move as handover
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError

from tests.unit.conftest import CHECKOUT

OLD: dict[str, Any] = {
    "host": "web1",
    "suite": "trixie",
    "architecture": "x86_64",
    "version": "17",
    "exists": True,
    "running": True,
    "is_copy": False,
    "in_recovery": False,
    "system": "7",
    "databases": {"shop": 12},
    "tablespaces": [],
    "locales": ["C.UTF-8", "de_DE.UTF-8"],
    "bytes": 10_000_000,
    "data": "/var/lib/postgresql/17/main",
    "free_bytes": 10**12,
    "known_locales": [],
}
NEW: dict[str, Any] = {
    **OLD,
    "host": "db1",
    "exists": False,
    "running": False,
    "system": "",
    "databases": {},
    "known_locales": ["C.utf8", "de_DE.utf8"],
}


def plan(old: dict[str, Any] | None = None, new: dict[str, Any] | None = None) -> dict[str, Any]:
    return postgresql_move({**OLD, **(old or {})}, {**NEW, **(new or {})}, "shop")


def test_a_bare_host_can_be_moved_to() -> None:
    assert plan() == {"step": "copy", "problems": []}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, {"host": "web1"}, "nowhere to move to"),
        ({}, {"suite": "bookworm"}, "sorted differently"),
        ({}, {"version": "16"}, 'Set postgresql_version: "17"'),
        ({"running": False}, {}, "systemctl start postgresql@17-main"),
        ({"databases": {"blog": 3}}, {}, "has no database shop"),
        ({"databases": {"blog": 3, "shop": 1}}, {}, "other databases too (blog)"),
        ({"tablespaces": ["fast"]}, {}, "fast"),
        ({"in_recovery": True}, {}, "is a copy itself"),
        ({}, {"exists": True, "running": True, "system": "8", "databases": {"wiki": 0}}, "databases of its own (wiki)"),
        ({}, {"exists": True, "running": True, "system": "8", "databases": {"shop": 12}}, "databases of its own (shop)"),
        ({}, {"exists": True, "system": "8"}, "pg_dropcluster --stop 17 main on db1"),
        ({}, {"known_locales": []}, "de_DE.UTF-8"),
        ({}, {"free_bytes": 1000}, "MiB free"),
    ],
)
def test_what_forbids_a_move_is_said_with_its_remedy(old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    problems = plan(old, new)["problems"]
    assert len(problems) == 1 and said in problems[0], problems


def test_an_empty_database_of_the_site_is_no_data() -> None:
    assert plan(new={"exists": True, "running": True, "system": "8", "databases": {"shop": 0}})["problems"] == []


def test_a_copy_that_is_there_is_taken_up_again() -> None:
    copy = {"exists": True, "running": True, "is_copy": True, "system": "7", "databases": {"shop": 12}}
    assert plan(new=copy) == {"step": "copy", "problems": []}
    assert plan(old={"running": False}, new=copy) == {"step": "switch", "problems": []}


def test_a_finished_move_is_finished() -> None:
    leads = {"exists": True, "running": True, "system": "7", "databases": {"shop": 12}}
    assert plan(old={"running": False}, new=leads) == {"step": "nothing", "problems": []}
    assert plan(old={"running": False, "exists": False, "system": ""}, new=leads) == {"step": "nothing", "problems": []}


def test_two_servers_that_both_run_are_never_called_finished() -> None:
    leads = {"exists": True, "running": True, "system": "7", "databases": {"shop": 12}}
    assert plan(new=leads)["problems"]


class Host:
    """A host whose programs answer from a table."""

    def __init__(self, root: Path) -> None:
        self.called: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {"is-active": (3, "")}
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in (self.cluster.data, self.cluster.configuration, self.cluster.programs):
            Path(folder).mkdir(parents=True)

    def run(self, command: list[str]) -> tuple[int, str]:
        line = " ".join(command)
        self.called.append(line)
        return next((answer for part, answer in self.answers.items() if part in line), (0, ""))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("shutil.chown", lambda *_: None)
    return Host(tmp_path)


def test_places_in_the_log_compare_as_numbers() -> None:
    assert handover.position("0/30001A8") < handover.position("1/0")
    assert handover.position("0/A") > handover.position("0/9")


def test_the_copy_takes_over_only_with_all_that_was_written(host: Host) -> None:
    host.answers |= {"pg_is_in_recovery": (0, "t"), "pg_last_wal_replay_lsn": (0, "0/3000130")}
    with pytest.raises(PostgresqlError, match="0/3000130 of 0/3000200"):
        handover.promote(host.cluster, "0/3000200", seconds=0)
    assert not any("pg_promote" in line for line in host.called)


def test_a_server_that_has_taken_over_is_left_alone(host: Host) -> None:
    host.answers |= {"pg_is_in_recovery": (0, "f")}
    assert handover.promote(host.cluster, "0/1", seconds=0) is False


def test_a_stopped_server_does_not_start_again_until_it_shall_go_on(host: Host) -> None:
    start = Path(host.cluster.configuration, "start.conf")
    start.write_text("# how it starts\nauto\n")
    state = "Database cluster state:               shut down\nLatest checkpoint location:           0/3000130\n"
    host.answers |= {"pg_controldata": (0, state)}
    assert handover.stop(host.cluster) == "0/3000130"
    assert start.read_text() == "# how it starts\ndisabled\n"
    handover.go_on(host.cluster)
    assert start.read_text() == "# how it starts\nauto\n"
    assert any("systemctl start postgresql@17-main" in line for line in host.called)


def test_a_server_that_did_not_end_well_is_no_source_of_truth(host: Host) -> None:
    host.answers |= {"pg_controldata": (0, "Database cluster state: in production\nLatest checkpoint location: 0/1\n")}
    with pytest.raises(PostgresqlError, match="in production"):
        handover.stop(host.cluster)


def test_data_of_its_own_is_never_overwritten(host: Host) -> None:
    Path(host.cluster.data, "postmaster.opts").touch()
    with pytest.raises(PostgresqlError, match="data of its own"):
        handover.refuse_to_overwrite(host.cluster)
    Path(host.cluster.data, "standby.signal").touch()
    handover.refuse_to_overwrite(host.cluster)


def test_what_the_old_server_wrote_last_is_remembered_before_another_task_registers_under_the_same_name() -> None:
    """A task that a host skips registers there as well: the new server must be given what was kept, not what was registered."""
    file = CHECKOUT / "playbooks" / "tasks" / "switch_database.yml"
    [switch] = [task for task in yaml.safe_load(file.read_text(encoding="utf-8")) if "rescue" in task]
    tasks = {task["name"]: task for task in switch["block"]}
    stop, keep, take_over = (
        "Stop the old PostgreSQL",
        "Keep the last position of the old PostgreSQL",
        "Promote the new PostgreSQL",
    )
    order = list(tasks)

    assert order.index(keep) == order.index(stop) + 1 < order.index(take_over)
    [fact] = [name for name in tasks[keep] if name.endswith("set_fact")]
    assert "__postgresql_handover" in tasks[keep][fact]["move_database_last"]
    assert tasks[keep]["when"] == tasks[stop]["when"]
    assert tasks[take_over]["vars"]["postgresql_handover_last"] == "{{ hostvars[move_database_from].move_database_last }}"
