"""A server that others use before its first site: what is told of it, and what of theirs stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import others, sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import ACCESS_HEADER, Cluster, assembled_rules
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import Part

PACKAGED = """\
# Database administrative login by Unix domain socket
local   all             postgres                                peer
local   all             all                                     peer
host    all             all             127.0.0.1/32            scram-sha-256
host    all             all             ::1/128                 md5
local   replication     all                                     peer
host    replication     all             127.0.0.1/32            scram-sha-256
"""
THEIRS = PACKAGED + "host  wiki  wiki  10.0.0.0/24  md5  # the wiki\n"
USERS = [{"name": "shop"}, {"name": "shop-2"}]


class Host:
    """A host with a server, which answers from tables."""

    def __init__(self, root: Path) -> None:
        self.settings = {"listen_addresses": "*", "port": "5432", "max_connections": "250", "shared_preload_libraries": ""}
        self.taken = ""
        self.is_reached = True
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in (self.cluster.configuration, f"{self.cluster.configuration}/conf.d"):
            Path(folder).mkdir(parents=True, exist_ok=True)
        Path(self.cluster.configuration, "postgresql.conf").touch()
        self.has("1", "4", "5")

    def has(self, *databases: str) -> None:
        for number in databases:
            Path(self.cluster.data, "base", number).mkdir(parents=True)

    def lets_in(self, rules: str) -> None:
        Path(self.cluster.access_rules).write_text(rules)

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        if "-C" in command:
            return 0, self.settings[command[command.index("-C") + 1]] + "\n"
        if "psql" in command:
            answer = "wiki" if "string_agg" in command[-1] else self.taken
            return (0, answer) if self.is_reached else (2, "password authentication failed")
        return 0, ""

    def findings(self) -> list[Finding]:
        return list(others.findings(self.cluster, USERS))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("shutil.chown", lambda *_: None)
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("rules", "databases", "used"),
    [
        (PACKAGED, [], False),
        (PACKAGED, ["16384"], True),
        (THEIRS, [], True),
        (ACCESS_HEADER + "local  shop  +shop  scram-sha-256\n", ["16384"], False),
    ],
)
def test_a_server_is_used_by_others_where_it_has_their_databases_or_rules(
    host: Host, rules: str, databases: list[str], used: bool
) -> None:
    host.lets_in(rules)
    host.has(*databases)

    assert others.are_there(host.cluster) is used


def test_a_server_that_a_site_has_used_is_ours_whatever_became_of_its_rules(host: Host) -> None:
    host.lets_in(THEIRS)
    Path(sharing.settings_path(host.cluster)).touch()

    assert not others.are_there(host.cluster)


def test_whom_they_let_in_and_where_they_listen_stays(host: Host) -> None:
    host.lets_in(THEIRS)
    Path(host.cluster.configuration, "pg_hba.d").mkdir()
    Path(host.cluster.configuration, "pg_hba.d", "50-shop.conf").write_text("local  shop  +shop  scram-sha-256\n")

    others.keep(host.cluster)

    rules = assembled_rules(host.cluster)
    assert rules.index("+shop") < rules.index("host  wiki  wiki")
    assert Path(f"{host.cluster.access_rules}.before-hotclub").read_text() == THEIRS
    needs: Mapping[str, object] = json.loads(Path(host.cluster.configuration, "hotclub.d", "before-hotclub.json").read_text())
    assert (needs["listen_addresses"], needs["max_connections"]) == (["*"], 250)
    outcome = sharing.share(host.cluster, "shop", Part(memory_mb=4096, processors=2), check=False)
    assert (outcome.settings["listen_addresses"], outcome.settings["max_connections"]) == ("*", "250")
    assert not others.are_there(host.cluster)


def test_what_becomes_of_it_is_told(host: Host) -> None:
    host.lets_in(THEIRS)
    [finding] = host.findings()

    assert "(databases wiki)" in finding.what and "pg_hba.d/90-before-hotclub.conf" in finding.what
    assert not finding.refused

    host.taken = "shop"
    assert "has an account shop already" in host.findings()[0].what


@pytest.mark.parametrize(
    ("port", "is_reached", "remedy"), [("5433", True, "postgresql_port: 5433"), ("5432", False, "local all postgres peer")]
)
def test_what_can_not_be_served_is_refused_with_the_remedy(host: Host, port: str, is_reached: bool, remedy: str) -> None:
    host.settings["port"], host.is_reached = port, is_reached
    host.lets_in(THEIRS)

    [finding] = host.findings()

    assert finding.refused
    assert remedy in finding.remedy
