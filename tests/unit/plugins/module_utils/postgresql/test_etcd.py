"""Members of etcd: who begins, who joins, who waits for whom."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.etcd import Member, steps_of

ADDRESSES = {"db1": "10.0.0.31", "db2": "10.0.0.32", "db3": "fd00::33"}
URLS = {"db1": "https://10.0.0.31:2380", "db2": "https://10.0.0.32:2380", "db3": "https://[fd00::33]:2380"}


class Host:
    """A host whose programs answer as a host with etcd does, and that remembers what its member was started with."""

    def __init__(self, root: Path) -> None:
        self.called: list[str] = []
        self.unit = {"ActiveState": "inactive", "UnitFileState": "disabled", "MainPID": "0"}
        # What the others say that the cluster has; None where nobody answers.
        self.there: list[dict[str, Any]] | None = None
        self.healthy = True
        self.started_with = ""
        self.member = Member("db1", ADDRESSES, 2379, 2380, self.run, root, wait=lambda _: None, seconds=0.01)
        (root / "run").mkdir()

    def run(self, command: list[str], **_more: Any) -> Outcome:
        line = " ".join(word for word in command if not word.startswith("--"))
        self.called.append(line)
        if line.startswith("systemctl show"):
            return Outcome(0, "\n".join(f"{name}={value}" for name, value in self.unit.items()))
        if line.startswith("systemctl start"):
            self.started_with = self.member.first_start.read_text() if self.member.first_start.exists() else ""
        if line.startswith("etcdctl member list"):
            return Outcome(1, "", "deadline") if self.there is None else Outcome(0, json.dumps({"members": self.there}))
        if line.startswith("etcdctl member add") and self.there is not None:
            self.there.append({"ID": 9, "peerURLs": [URLS["db1"]]})
        if line.startswith("etcdctl endpoint health"):
            return Outcome(0 if self.healthy else 1)
        return Outcome(0)

    def take(self) -> list[str]:
        steps = steps_of(self.member)
        for _name, action in steps:
            action()
        return [name for name, _action in steps]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def one(name: str, number: int) -> dict[str, Any]:
    return {"ID": number, "name": name, "peerURLs": [URLS.get(name, "https://10.0.0.39:2380")], "clientURLs": ["https://x"]}


def test_members_without_data_begin_together(host: Host) -> None:
    assert host.take() == ["enable", "join"]
    assert host.started_with.splitlines() == [
        "ETCD_INITIAL_CLUSTER=db1=https://10.0.0.31:2380,db2=https://10.0.0.32:2380,db3=https://[fd00::33]:2380",
        "ETCD_INITIAL_CLUSTER_STATE=new",
    ]
    assert not host.member.first_start.exists()


def test_one_that_comes_later_is_added_and_one_that_is_named_no_more_is_removed(host: Host) -> None:
    host.there = [one("db2", 2), one("db3", 3), one("db0", 255)]
    host.take()

    assert "etcdctl member remove ff" in host.called and "etcdctl member add db1" in host.called
    assert "ETCD_INITIAL_CLUSTER_STATE=existing" in host.started_with
    assert "db0" not in host.started_with and f"db1={URLS['db1']}" in host.started_with


def test_one_that_has_lost_its_data_takes_its_own_place(host: Host) -> None:
    host.there = [one("db1", 1), one("db2", 2), one("db3", 3)]
    host.take()

    assert "etcdctl member remove 1" in host.called and "etcdctl member add db1" in host.called


def test_a_host_that_has_the_address_of_the_one_that_it_replaces_removes_it_once(host: Host) -> None:
    host.there = [{**one("db0", 255), "peerURLs": [URLS["db1"]]}, one("db2", 2), one("db3", 3)]
    host.take()

    assert host.called.count("etcdctl member remove ff") == 1
    assert "etcdctl member add db1" in host.called


def test_one_that_the_others_await_is_not_added_again(host: Host) -> None:
    host.there = [{**one("db1", 1), "clientURLs": []}, one("db2", 2), one("db3", 3)]
    host.take()

    assert not [line for line in host.called if "member add" in line or "member remove" in line]


def test_without_a_majority_the_remedy_is_said_and_the_next_start_begins_nothing(host: Host) -> None:
    host.healthy = False
    with pytest.raises(Trouble, match="run this without --limit"):
        host.take()

    assert not host.member.first_start.exists() and host.called[-1].startswith("systemctl stop")


def test_a_member_with_data_is_only_started(host: Host) -> None:
    host.member.data.mkdir(parents=True)
    host.unit["UnitFileState"] = "enabled"

    assert host.take() == ["start"] and host.started_with == ""


def test_one_that_runs_with_its_settings_is_left_alone(host: Host) -> None:
    host.member.data.mkdir(parents=True)
    host.unit |= {"UnitFileState": "enabled", "ActiveState": "active"}

    assert host.take() == []


@pytest.mark.parametrize("path", ["etc/default/etcd", "etc/etcd/certificate/authority.pem"])
def test_one_with_newer_settings_restarts_while_the_others_answer(host: Host, tmp_path: Path, path: str) -> None:
    host.member.data.mkdir(parents=True)
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text("of now")
    host.unit |= {"UnitFileState": "enabled", "ActiveState": "active"}

    assert host.take() == ["restart"]
    host.healthy = False
    with pytest.raises(Trouble, match="can't be restarted: others"):
        host.take()


def test_values_are_read_by_what_follows_the_prefix(host: Host) -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    told = {"kvs": [{"key": encoded("/service/17-main/leader"), "value": encoded("db2")}]}
    etcd = host.member.own
    answering = type(etcd)(etcd.endpoints, etcd.certificate, lambda *_words, **_more: Outcome(0, json.dumps(told)))

    assert answering.below("/service/17-main/") == {"leader": "db2"}
