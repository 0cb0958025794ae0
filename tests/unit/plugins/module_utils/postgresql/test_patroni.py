"""A member of a cluster: what begins it, who copies whom, what is refused, and that a server of its own is kept as before."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import patroni as members
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import server
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.keeper import Keeper
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import Known, Patroni, keeper_of

SAID = {
    "scope": "17-main",
    "namespace": "/service/",
    "name": "db1",
    "etcd3": {"hosts": ["10.0.0.31:2379"], "cert": "/etc/patroni/etcd-certificate/fullchain.pem"},
    "bootstrap": {"dcs": {"ttl": 20, "loop_wait": 5, "synchronous_mode": True, "postgresql": {"use_slots": True}}},
}
SYSTEM = "7300000000000000001"


class Host:
    """A host with a cluster of Debian's kind that Patroni is to run, and an etcd that keeps what it is given."""

    def __init__(self, root: Path) -> None:
        self.called: list[str] = []
        self.kept: dict[str, str] = {}
        self.system = SYSTEM
        self.silent = False
        self.in_recovery = "f"
        self.active = False
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in (
            f"{self.cluster.data}/global",
            f"{self.cluster.configuration}/pg_hba.d",
            str(Path(self.cluster.patroni).parent),
        ):
            Path(folder).mkdir(parents=True)
        Path(self.cluster.configuration, "postgresql.conf").touch()
        Path(self.cluster.patroni).write_text(yaml.safe_dump(SAID))
        self.patroni = Patroni(self.cluster, self.process)

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        line = " ".join(command)
        self.called.append(line)
        if "pg_controldata" in line:
            return 0, f"Database system identifier:           {self.system}\n"
        if "pg_is_in_recovery" in line:
            return 0, self.in_recovery
        if "is-active" in line:
            return (0 if self.active else 3), ""
        return 0, ""

    def process(self, command: list[str], **_more: Any) -> Outcome:
        words = [word for word in command if not word.startswith("--")]
        if self.silent:
            return Outcome(1, "", "deadline exceeded")
        if words[1] == "put":
            self.kept[words[2]] = words[3]
        pairs = [{"key": encoded(name), "value": encoded(value)} for name, value in self.kept.items()]
        return Outcome(0, json.dumps({"kvs": pairs}))

    def keep(self, **values: str) -> None:
        self.kept |= {f"/service/17-main/{name}": value for name, value in values.items()}

    def has_run(self) -> None:
        Path(self.cluster.data, "postmaster.opts").touch()
        Path(self.cluster.data, "global/pg_control").touch()

    def settings(self) -> dict[str, Any]:
        return dict(json.loads(self.kept["/service/17-main/config"]))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("shutil.chown", lambda *_: None)
    monkeypatch.setattr(members, "ANSWER_SECONDS", 0.0)
    return Host(tmp_path)


def test_the_file_of_patroni_says_who_keeps_a_server(host: Host) -> None:
    assert isinstance(keeper_of(host.cluster), Patroni) and host.cluster.unit == "patroni@17-main.service"
    Path(host.cluster.patroni).unlink()

    assert type(keeper_of(host.cluster)) is Keeper and host.cluster.unit == "postgresql@17-main.service"


def test_the_first_begins_with_what_it_has_and_with_the_settings_of_all(host: Host) -> None:
    Path(host.cluster.configuration, "conf.d").mkdir()
    Path(host.cluster.configuration, "conf.d/hotclub.conf").write_text("max_connections = '150'\nwork_mem = '4MB'\n")
    host.has_run()
    host.patroni.begin_or_join(is_first=True)

    assert host.settings()["postgresql"] == {"use_slots": True, "parameters": {"max_connections": "150"}}
    assert host.settings()["synchronous_mode"] is True and host.settings()["ttl"] == 20
    orders = [line for line in host.called if line.startswith("systemctl st")]
    assert orders == ["systemctl stop postgresql@17-main.service", "systemctl start patroni@17-main.service"]
    assert Path(host.cluster.configuration, "start.conf").read_text().endswith("disabled\n")
    assert Path(host.cluster.data, "global/pg_control").exists()


def test_another_waits_for_the_first(host: Host) -> None:
    with pytest.raises(PostgresqlError, match="the first host of the group db begins it"):
        host.patroni.begin_or_join(is_first=False)


def test_a_new_host_empties_what_its_package_has_made_and_copies(host: Host) -> None:
    host.keep(initialize=SYSTEM, leader="db2")
    Path(host.cluster.data, "PG_VERSION").touch()
    host.patroni.begin_or_join(is_first=True)

    assert list(Path(host.cluster.data).iterdir()) == []


def test_a_copy_that_is_under_way_is_left_alone(host: Host) -> None:
    host.keep(initialize=SYSTEM, leader="db2")
    host.active = True
    Path(host.cluster.data, "backup_label").touch()
    host.patroni.begin_or_join(is_first=False)

    assert Path(host.cluster.data, "backup_label").exists()


def test_a_data_folder_that_a_failed_copy_took_along_is_no_hindrance(host: Host) -> None:
    host.keep(initialize=SYSTEM, leader="db2")
    shutil.rmtree(host.cluster.data)
    host.patroni.begin_or_join(is_first=False)


def test_a_host_with_data_of_another_system_is_refused(host: Host) -> None:
    host.keep(initialize="8", leader="db2")
    host.has_run()
    with pytest.raises(PostgresqlError, match="Nothing of it was changed"):
        host.patroni.begin_or_join(is_first=False)

    assert Path(host.cluster.data, "global/pg_control").exists()
    assert not [line for line in host.called if line.startswith(("systemctl start", "systemctl stop"))]


def test_a_member_comes_back_with_its_own_data(host: Host) -> None:
    host.keep(initialize=SYSTEM, leader="db2")
    host.has_run()
    host.patroni.begin_or_join(is_first=False)

    assert Path(host.cluster.data, "global/pg_control").exists()


def test_no_cluster_begins_over_data_that_may_be_old(host: Host) -> None:
    host.has_run()
    Path(host.cluster.data, "patroni.dynamic.json").touch()
    with pytest.raises(PostgresqlError, match=r"Bring back etcd's data"):
        host.patroni.begin_or_join(is_first=True)


def test_nothing_is_started_while_etcd_is_silent(host: Host) -> None:
    host.silent = True
    with pytest.raises(PostgresqlError, match="gets no answer from etcd"):
        host.patroni.begin_or_join(is_first=True)

    assert host.called == []


def test_what_others_have_set_stays(host: Host) -> None:
    present = {"pause": True, "postgresql": {"parameters": {"archive_mode": "on", "max_connections": "100"}}}
    agreed = host.patroni.agreed({"max_connections": "200"}, present)

    assert agreed["pause"] is True
    assert agreed["postgresql"]["parameters"] == {"archive_mode": "on", "max_connections": "200"}


def test_what_etcd_knows_is_read_as_patroni_keeps_it() -> None:
    known = Known.of(
        {"initialize": "7", "leader": "db2", "members/db1": '{"state": "creating replica", "pending_restart": true}'}
    )

    assert known.state_of("db1") == "creating replica" and known.waits("db1") and not known.waits("db9")
    assert Known.of({}) == Known("", "", {}, {})


def test_the_place_of_the_primary_goes_to_a_member_with_every_commit(host: Host) -> None:
    host.keep(leader="db1", config='{"synchronous_mode": true}', sync='{"leader": "db1", "sync_standby": "db3"}')
    for name, position in (("db1", 9), ("db2", 8), ("db3", 7)):
        host.keep(**{f"members/{name}": json.dumps({"state": "streaming", "role": "replica", "xlog_location": position})})

    assert host.patroni.switch_over("", check=True) == {"changed": True, "before": "db1", "after": "db3"}
    assert host.patroni.switch_over("db1") == {"changed": False, "before": "db1", "after": "db1"}
    host.keep(**{"members/db2": '{"state": "start failed"}'})
    with pytest.raises(PostgresqlError, match=r"db2 can't take the place of db1 now.*with every commit: db3"):
        host.patroni.switch_over("db2")


def test_a_member_that_commits_do_not_wait_for_gets_all_of_them_before_it_leads(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.keep(leader="db1", config='{"synchronous_mode": true, "ttl": 20}', sync='{"leader": "db1", "sync_standby": "db3"}')
    for name in ("db1", "db2", "db3"):
        host.keep(**{f"members/{name}": '{"state": "streaming", "role": "primary"}'})
    waited: list[dict[str, Any]] = []

    def await_it(condition: Any, _seconds: float) -> bool:
        waited.append(host.settings())
        if host.settings()["synchronous_node_count"] == 2:
            host.keep(sync='{"leader": "db1", "sync_standby": "db2,db3"}')
        if any("switchover" in line for line in host.called):
            host.keep(leader="db2")
        return bool(condition())

    monkeypatch.setattr(members, "until", await_it)

    assert host.patroni.switch_over("db2", check=True)["after"] == "db2"
    assert "synchronous_node_count" not in host.settings()
    assert host.patroni.switch_over("db2") == {"changed": True, "before": "db1", "after": "db2"}
    assert waited[0] == {"synchronous_mode": True, "ttl": 20, "synchronous_node_count": 2}
    assert host.settings() == {"synchronous_mode": True, "ttl": 20, "synchronous_node_count": 1}


def test_a_member_that_does_not_catch_up_stays_what_it_is(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.keep(leader="db1", config='{"synchronous_mode": true}', sync='{"leader": "db1", "sync_standby": "db3"}')
    for name in ("db1", "db2", "db3"):
        host.keep(**{f"members/{name}": '{"state": "streaming"}'})
    monkeypatch.setattr(members, "until", lambda condition, _seconds: bool(condition()))
    with pytest.raises(PostgresqlError, match="db2 follows the primary, and does not have every commit"):
        host.patroni.switch_over("db2")

    assert host.settings()["synchronous_node_count"] == 1
    assert not [line for line in host.called if "switchover" in line]


def test_without_synchronous_commits_the_member_that_is_furthest_goes_first() -> None:
    members_ = {
        f"members/{name}": f'{{"state": "running", "xlog_location": {at}}}' for name, at in (("db1", 9), ("db2", 7), ("db3", 8))
    }
    gone = {"members/db4": '{"state": "stopped"}'}

    assert Known.of({"leader": "db1", **members_, **gone}).may_follow() == ["db3", "db2"]


def test_the_only_host_that_is_left_runs_by_itself_again(host: Host) -> None:
    host.keep(leader="db1", **{"members/db1": "{}"})
    host.patroni.refuse_to_leave([])
    host.patroni.leave()

    assert "systemctl disable --now patroni@17-main.service" in host.called
    assert Path(host.cluster.configuration, "start.conf").read_text() == "auto\n"
    assert not host.cluster.is_member


@pytest.mark.parametrize("check", [False, True])
def test_leaving_a_cluster_is_refused_before_a_file_changes(host: Host, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    refused = PostgresqlError("db2 would make a primary of itself")

    def refuse(*_: object) -> None:
        raise refused

    monkeypatch.setattr(server, "is_installed", lambda _cluster: True)
    monkeypatch.setattr(server, "regard_others", lambda *_: {})
    monkeypatch.setattr(server, "shared", lambda *_: pytest.fail("settings were written"))
    monkeypatch.setattr(server, "refuse_to_leave", refuse)
    monkeypatch.setattr(server, "Cluster", lambda *_: host.cluster)
    wanted = {"version": "17", "cluster": "main", "port": 5432, "users": [], "state": "running", "is_alone": True, "site": "shop"}
    with pytest.raises(PostgresqlError) as told:
        server.serve(wanted, check, host.run)
    assert told.value is refused


def test_no_playbook_takes_a_server_from_patroni_in_passing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "is_installed", lambda _cluster: True)
    monkeypatch.setattr(server, "regard_others", lambda *_: {})
    monkeypatch.setattr(server, "shared", lambda *_: None)
    monkeypatch.setattr(server, "refuse_to_leave", lambda *_: None)
    monkeypatch.setattr(server, "Cluster", lambda *_: host.cluster)
    wanted = {"version": "17", "cluster": "main", "port": 5432, "users": [], "state": "running", "is_alone": True, "site": "shop"}
    with pytest.raises(PostgresqlError, match=r"playbooks/site\.yml without --limit"):
        server.serve({**wanted, "restart_allowed": False}, False, host.run)
    assert host.called == []


def test_a_primary_that_the_inventory_has_no_more_is_named_before_anything_changes(host: Host) -> None:
    host.keep(leader="db9")
    with pytest.raises(PostgresqlError, match=r"db9 is the primary .* db1, db2 without it.*switchover_to=<"):
        host.patroni.refuse_others(["db1", "db2"])
    host.patroni.refuse_others([])
    # One that is dead leads no more, once its time is over.
    host.keep(leader="")
    host.patroni.refuse_others(["db1", "db2"])
    host.keep(leader="db9")
    host.silent = True
    host.patroni.refuse_others(["db1", "db2"])


def test_nobody_leaves_a_cluster_whose_others_would_go_on_without_him(host: Host) -> None:
    host.keep(leader="db2")
    with pytest.raises(PostgresqlError, match="switchover_to=db1"):
        host.patroni.refuse_to_leave([])
    host.keep(leader="db1", **{"members/db1": "{}", "members/db2": "{}"})
    with pytest.raises(
        PostgresqlError, match=r"db2 would make a primary .* beside db1.*\n.*systemctl disable --now patroni@17-main.service"
    ):
        host.patroni.refuse_to_leave([])
    with pytest.raises(PostgresqlError, match="which shop uses"):
        host.patroni.refuse_to_leave(["shop"])

    assert host.called == []
