"""Which part a host has in the cluster of its database, and what is wrong with it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import Known
from ansible_collections.hotclub.django.plugins.module_utils.status.members import look_at_members, part_of, problems_of

GIBI = 1024**3
SAID = {
    "scope": "17-main",
    "namespace": "/service/",
    "name": "db2",
    "etcd3": {"hosts": ["10.0.0.31:2379"], "cert": "/e/fullchain.pem"},
}
LEADS = {"state": "running", "timeline": 3, "xlog_location": 5 * GIBI}
FOLLOWS = {"state": "streaming", "timeline": 3, "xlog_location": 5 * GIBI - 3 * 1024**2}


def known(leader: str = "db1", synchronous: tuple[str, ...] = ("db2",), **second: Any) -> Known:
    members = {"db1": LEADS, "db2": {**FOLLOWS, **second}, "db3": FOLLOWS}
    return Known("1", leader, {"synchronous_mode": True}, members, synchronous)


def test_each_has_its_part() -> None:
    assert [part_of(known(), name)["role"] for name in ("db1", "db2", "db3")] == ["leader", "has every commit", "follows"]
    assert part_of(known(), "db2")["behind_mb"] == 3
    assert part_of(known(), "db9")["state"] == "away"
    assert [problem for name in ("db1", "db2", "db3") for problem in problems_of(known(), name)] == []


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"state": "start failed"}, "doesn't follow db1 (start failed)"),
        ({"timeline": 2}, "is on timeline 2, db1 on 3"),
        ({"xlog_location": 4 * GIBI}, "is 1024 MiB behind db1"),
    ],
)
def test_a_member_that_is_no_copy_is_named(second: dict[str, Any], said: str) -> None:
    [problem] = problems_of(known(**second), "db2")

    assert said in problem


def test_a_cluster_without_a_leader_or_without_a_second_one_is_in_trouble() -> None:
    assert "no member of the database's cluster leads" in problems_of(known(leader=""), "db2")[0]
    assert "no other member has every commit" in problems_of(known(synchronous=()), "db1")[0]
    assert problems_of(Known("1", "db1", {"synchronous_mode": True}, {"db1": LEADS}), "db1") == []
    assert problems_of(Known("1", "db1", {}, {"db1": LEADS, "db2": FOLLOWS}), "db1") == []


def test_etcd_is_asked_as_patroni_asks_it(tmp_path: Path) -> None:
    def etcd(_command: list[str], **_more: Any) -> Outcome:
        kept = {
            "leader": "db1",
            "config": json.dumps({"synchronous_mode": True}),
            "sync": json.dumps({"sync_standby": "db2"}),
            "members/db1": json.dumps(LEADS),
            "members/db2": json.dumps(FOLLOWS),
        }
        pairs = [
            {
                "key": base64.b64encode(f"/service/17-main/{name}".encode()).decode(),
                "value": base64.b64encode(text.encode()).decode(),
            }
            for name, text in kept.items()
        ]
        return Outcome(0, json.dumps({"kvs": pairs}))

    status: dict[str, Any] = {"problems": []}
    look_at_members(status, etcd, str(tmp_path))
    assert status == {"problems": []}, "a server that runs alone"

    (tmp_path / "etc/patroni").mkdir(parents=True)
    (tmp_path / "etc/patroni/17-main.yml").write_text(yaml.safe_dump(SAID))
    look_at_members(status, etcd, str(tmp_path))
    assert status == {
        "member": {"role": "has every commit", "state": "streaming", "timeline": 3, "behind_mb": 3.0},
        "problems": [],
    }

    look_at_members(status, lambda _command, **_more: Outcome(1, "", "deadline exceeded"), str(tmp_path))
    assert "nobody knows which member leads" in status["problems"][0]
