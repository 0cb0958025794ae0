"""The demo: which topology is meant, and how it grows without ever losing its data, however often it is interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import demo, docker, engine, growing, hosts, image, inventory, playbooks, workflow
from lab.cli import main
from lab.commands import run
from lab.errors import LabError
from lab.growing import JOIN, LEAVE, MOVE, STAGES, WHOLE, Growing, tiers_at
from lab.hosts import LabHost
from lab.inventory import Lab, Member, open_lab

OLD = {"lb": ["web1"], "app": ["web1"], "db": ["web1"]}
NEW = {"lb": ["lb1", "lb2"], "app": ["app1"], "db": ["db1"]}


class Stage:
    """A lab whose hosts are names, and playbooks that only say which inventory they were given."""

    def __init__(self) -> None:
        self.played: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.present: dict[str, list[LabHost]] = {"single": [], "cluster": []}
        self.broken = ""

    def have(self, name: str, *members: str) -> None:
        lab = open_lab(name, "")
        lab.folder.mkdir(parents=True, exist_ok=True)
        lab.overlay.write_text("")
        self.present[name] = [
            LabHost(
                f"hotclub-{member}",
                name,
                member,
                "trixie",
                "running",
                "10.0.0.1",
                number if member.startswith(("lb", "web")) else None,
                member,
            )
            for number, member in enumerate(members, start=8080)
        ]

    def hosts(self, lab: Lab | None = None) -> list[LabHost]:
        return [host for name, members in self.present.items() for host in members if lab is None or name == lab.name]

    def play(self, lab: Lab, playbook: str, variables: dict[str, str] | None = None) -> None:
        if playbook == self.broken:
            raise LabError(f"{playbook} failed")
        first = lab.inventories[0]
        groups = json.loads(first.read_text())["all"]["children"] if first.suffix == ".json" else {}
        self.played.append((playbook, {tier: list(group["hosts"]) for tier, group in groups.items()}, variables or {}))

    def remove(self, lab: Lab) -> list[str]:
        gone = self.present[lab.name]
        self.present[lab.name] = []
        lab.overlay.unlink(missing_ok=True)
        return [host.container for host in gone]

    @property
    def names(self) -> list[str]:
        return [playbook for playbook, _, _ in self.played]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(inventory, "STATE", tmp_path)
    monkeypatch.setattr(hosts, "hosts", made.hosts)
    monkeypatch.setattr(hosts, "remove", made.remove)
    monkeypatch.setattr(hosts, "start", lambda *arguments: None)
    monkeypatch.setattr(hosts, "connect", lambda *arguments: None)
    monkeypatch.setattr(hosts, "certificate_variables", dict)
    monkeypatch.setattr(image, "ensure_image", str)
    monkeypatch.setattr(growing, "ensure_image", str)
    monkeypatch.setattr(playbooks, "play", made.play)
    monkeypatch.setattr(growing, "DECOMMISSION", tmp_path / "decommission.yml")
    monkeypatch.setattr(demo, "bring_up", lambda lab, suite: made.have(lab.name, *members_of(lab)))
    monkeypatch.setattr(demo, "_prove", lambda host, authority: "200 OK")
    monkeypatch.setattr(workflow, "index_url", str)
    monkeypatch.setattr(docker, "answers", lambda: True)
    monkeypatch.setattr(growing, "_listing", lambda lab: listing(OLD if lab.name == "single" else NEW))
    monkeypatch.setattr(growing, "read_members", lambda folder: [Member("web1", frozenset(OLD))])
    return made


def listing(tiers: dict[str, list[str]]) -> dict[str, Any]:
    return {"all": {"vars": {"site_name": "shop"}}, **{tier: {"hosts": names} for tier, names in tiers.items()}}


def members_of(lab: Lab) -> Iterable[str]:
    return ["web1"] if lab.name == "single" else ["app1", "app2", "app3", "db1", "lb1", "lb2"]


@pytest.mark.parametrize(
    ("step", "database", "balancers"),
    [(JOIN, ["web1"], ["web1", "lb1", "lb2"]), (MOVE, ["db1"], ["web1", "lb1", "lb2"]), (LEAVE, ["db1"], ["web1", "lb1", "lb2"])],
)
def test_the_database_is_the_old_servers_until_it_moves(step: str, database: list[str], balancers: list[str]) -> None:
    tiers = tiers_at(step, OLD, NEW)

    assert (tiers["db"], tiers["lb"], tiers["app"]) == (database, balancers, ["web1", "app1"])


@pytest.mark.parametrize("step", [JOIN, MOVE])
def test_the_inventories_that_are_shipped_can_grow(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible reads what is written, and the inventory check has nothing against it."""
    monkeypatch.setattr(inventory, "STATE", tmp_path)
    made, old, new = Stage(), open_lab("single", ""), open_lab("cluster", "")
    monkeypatch.setattr(hosts, "hosts", made.hosts)
    for lab in (old, new):
        made.have(lab.name, *members_of(lab))
    growing.write_inventory(step, old, new)

    command = playbooks.command(Growing(new.inventory, old=old, stage=step), "draw", {"draw_path": str(tmp_path / "drawn.svg")})
    done = run(command, environment=playbooks.environment(), check=False)

    assert done.returncode == 0, done.stdout
    told = (tmp_path / "drawn.svg").read_text()
    assert "lb (3 hosts), app (4 hosts), db (1 host)" in told
    assert ("db1" in told) == (step != JOIN)


def test_without_a_single_demo_a_cluster_is_made_at_once(stage: Stage) -> None:
    demo.demo("cluster")

    assert stage.names == ["site"]
    assert growing.stage_of(open_lab("cluster", "")) == WHOLE


def test_a_single_demo_grows_and_its_old_server_goes(stage: Stage) -> None:
    demo.demo()
    (open_lab("single", "").folder / "secrets").mkdir()
    (open_lab("single", "").folder / "secrets" / "secret_key").write_text("x")
    stage.played.clear()

    demo.demo("cluster")

    assert stage.names == ["site", "move_database", "site"]
    join, move, last = stage.played
    assert join[1]["db"] == ["web1"] and join[1]["lb"] == ["web1", "lb1", "lb2"]
    assert move[1]["db"] == ["db1"] and move[2] == {"move_database_from": "web1"}
    assert last[1] == {}, "the last run is of the cluster's own inventory"
    assert stage.present["single"] == []
    assert (open_lab("cluster", "").folder / "secrets" / "secret_key").read_text() == "x"


def test_the_old_server_is_decommissioned_where_there_is_such_a_verb(stage: Stage) -> None:
    growing.DECOMMISSION.touch()
    demo.demo()
    stage.played.clear()

    demo.demo("cluster")

    assert stage.names == ["site", "move_database", "decommission", "site"]
    assert stage.played[2][2] == {"decommission_host": "web1"}


def test_a_second_time_nothing_is_to_be_done(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    demo.demo()
    demo.demo("cluster")
    stage.played.clear()

    demo.demo("cluster")
    demo.demo()

    assert stage.played == []
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["move_database", "site"])
def test_an_interrupted_demo_goes_on_where_it_was(stage: Stage, broken: str) -> None:
    demo.demo()
    stage.broken = broken
    with pytest.raises(LabError):
        demo.demo("cluster")
    stage.played.clear()
    stage.broken = ""

    demo.demo()

    assert stage.names == ["site", "move_database", "site"][0 if broken == "site" else 1 :]
    assert growing.stage_of(open_lab("cluster", "")) == WHOLE


@pytest.mark.parametrize("step", [MOVE, LEAVE])
def test_the_old_server_never_gets_the_database_again(stage: Stage, step: str) -> None:
    stage.have("single", "web1")
    growing.begin(open_lab("cluster", ""), step)

    demo.demo()

    assert not [groups for _, groups, _ in stage.played if groups.get("db") == ["web1"]]


def test_a_single_demo_that_was_removed_meanwhile_is_not_waited_for(stage: Stage) -> None:
    growing.begin(open_lab("cluster", ""), JOIN)

    demo.demo("cluster")

    assert stage.names == ["site"] and stage.played[0][1] == {}


def test_while_it_grows_the_verbs_see_old_and_new_hosts(stage: Stage) -> None:
    demo.demo()
    stage.broken = "move_database"
    with pytest.raises(LabError):
        demo.demo("cluster")

    lab = demo.demo_lab()

    assert isinstance(lab, Growing) and lab.stage == MOVE
    [file] = lab.inventories
    assert set(json.loads(file.read_text())["all"]["hosts"]) == {"web1", "lb1", "lb2", "app1", "db1"}
    assert str(file) in [str(word) for word in playbooks.command(lab, "status", {})]


def test_every_verb_remembers_the_topology(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    demo.demo()
    assert demo.demo_lab().name == "single"
    demo.demo("cluster")
    stage.played.clear()
    capsys.readouterr()

    demo.rollback("")
    demo.url()

    assert demo.demo_lab() == open_lab("cluster", "")
    assert stage.names == ["rollback"]
    assert capsys.readouterr().out.splitlines()[-1] == "https://127.0.0.1:8084/"


def test_the_address_is_of_a_balancer_that_runs(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    demo.demo("cluster")
    first = next(host for host in stage.present["cluster"] if host.port)
    stage.present["cluster"] = [replace(first, state="exited"), replace(first, member="lb2", port=8099)]
    capsys.readouterr()

    demo.url()

    assert capsys.readouterr().out == "https://127.0.0.1:8099/\n"


def test_a_cluster_does_not_shrink(stage: Stage) -> None:
    demo.demo("cluster")

    with pytest.raises(LabError, match="make clean"):
        demo.demo("single")


def test_an_unknown_topology_is_told_the_known_ones(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "galaxy"]) == 1
    assert "single and cluster" in capsys.readouterr().err


def test_the_closing_words_name_each_balancers_address(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    demo.demo("cluster")

    said = capsys.readouterr().out
    assert "https://127.0.0.1:8084/   by lb1" in said
    assert "docker kill hotclub-app2" in said and "make rollback" in said
    authority = open_lab("cluster", "").authority
    assert f"curl --cacert {authority} https://127.0.0.1:8084/" in said


def test_clean_removes_every_host_and_forgets_the_topology(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.demo("cluster")
    removed: list[str] = []
    monkeypatch.setattr(hosts, "STATE", tmp_path)
    monkeypatch.setattr(hosts, "_close_ssh", lambda container: None)
    monkeypatch.setattr(docker, "remove_container", removed.append)
    monkeypatch.setattr(docker, "remove_network", lambda: None)
    monkeypatch.setattr(engine, "stop", lambda: "not started by the lab")

    demo.clean()

    assert removed == ["hotclub-app1", "hotclub-app2", "hotclub-app3", "hotclub-db1", "hotclub-lb1", "hotclub-lb2"]
    assert demo.choose("") == "single"
    assert "Remove the hosts of cluster" in capsys.readouterr().out


def test_the_stages_are_in_their_order() -> None:
    assert STAGES == (JOIN, MOVE, LEAVE, WHOLE)
