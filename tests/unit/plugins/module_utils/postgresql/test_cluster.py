"""PostgreSQL: settings from memory and cores, access rules, and what brings a server to what its files say."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.postgresql_address import postgresql_address
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import cluster as postgresql
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import refuse_start
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.tuning import tuned

RULE = "host   shop  +shop  10.0.0.4/32  scram-sha-256"


class Host:
    """A host with one cluster, whose programs answer from a table."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.called: list[list[str]] = []
        self.answers: dict[str, tuple[int, str]] = {}
        self.state: dict[str, Any] = {"loaded": 0.0, "clients": 0, "pending": {}, "overruling": [], "statements": True}
        self.wrong_rules = ""
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in (self.cluster.data, f"{self.cluster.configuration}/pg_hba.d"):
            Path(folder).mkdir(parents=True)
        self.write("postgresql.conf", "")

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        self.called.append(command)
        line = " ".join(command)
        if "pg_conf_load_time" in line:
            return 0, json.dumps(self.state)
        if "pg_hba_file_rules" in line:
            return 0, self.wrong_rules
        if "alter system reset" in line:
            self.state["overruling"].remove(line.split('"')[1])
        if "pg_reload_conf" in line:
            self.state["loaded"] = 9e12
        return next((answer for part, answer in self.answers.items() if part in line), (0, ""))

    def write(self, name: str, text: str) -> None:
        Path(self.cluster.configuration, name).write_text(text)

    def rules(self) -> str:
        return Path(self.cluster.access_rules).read_text()

    def steps(self, restart_allowed: bool = False, settings: Iterable[str] = ()) -> list[str]:
        taken = []
        for step in postgresql.steps_while_running(self.cluster, restart_allowed, settings=settings):
            taken.append(step.name)
            step.take()
        return taken


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr("shutil.chown", lambda *_: None)
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("memory_mb", "cores", "connections", "expected"),
    [
        (
            512,
            1,
            100,
            {"shared_buffers": "128MB", "effective_cache_size": "384MB", "maintenance_work_mem": "32MB", "work_mem": "4096kB"},
        ),
        (4096, 2, 100, {"shared_buffers": "1024MB", "work_mem": "10485kB", "max_wal_size": "4GB", "max_parallel_workers": "2"}),
        (65536, 16, 200, {"shared_buffers": "16384MB", "maintenance_work_mem": "2048MB", "max_worker_processes": "16"}),
    ],
)
def test_settings_follow_memory_and_cores(memory_mb: int, cores: int, connections: int, expected: dict[str, str]) -> None:
    settings = tuned(memory_mb, cores, connections)

    assert {name: settings[name] for name in expected} == expected


def test_buffers_and_what_sorts_take_never_pass_the_memory_share() -> None:
    for memory_mb in (1024, 4096, 16384, 262144):
        settings = tuned(memory_mb, 8, 100)
        sorting_mb = 100 * int(settings["work_mem"].removesuffix("kB")) / 1024
        assert int(settings["shared_buffers"].removesuffix("MB")) + sorting_mb <= max(memory_mb, 1024), memory_mb


@pytest.mark.parametrize(
    ("address", "column"),
    [
        ("10.0.0.4", "10.0.0.4/32"),
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("fd00::4", "fd00::4/128"),
        ("app1.example.org", "app1.example.org"),
        ("samenet", "samenet"),
        ("10.0.0.4/99", "10.0.0.4/99"),
    ],
)
def test_addresses_get_the_mask_of_one_host(address: str, column: str) -> None:
    assert postgresql_address(address) == column


def test_the_rules_of_all_sites_come_together_in_the_order_of_their_files(host: Host) -> None:
    host.write("pg_hba.d/50-shop.conf", "shop\n")
    host.write("pg_hba.d/00-administrator.conf", "administrator\n")
    host.write("pg_hba.d/50-blog.conf", "blog\n")
    host.write("pg_hba.d/50-blog.conf.orig", "old\n")

    rules = postgresql.assembled_rules(host.cluster)

    assert [line for line in rules.splitlines() if line and not line.startswith("#")] == ["administrator", "blog", "shop"]


def test_rules_that_the_server_refuses_are_put_back_and_quoted(host: Host) -> None:
    host.write("pg_hba.conf", "former\n")
    host.write("pg_hba.d/50-shop.conf", RULE + "\n")
    host.wrong_rules = f"{len(postgresql.ACCESS_HEADER.splitlines()) + 2}: invalid CIDR mask"

    with pytest.raises(PostgresqlError, match=f"(?s)invalid CIDR mask: {re.escape(RULE)}.*postgresql_allowed_clients"):
        host.steps()

    assert host.rules() == "former\n"
    assert "pg_reload_conf" not in str(host.called)


def test_a_server_that_has_loaded_its_files_is_left_alone(host: Host) -> None:
    host.write("pg_hba.conf", postgresql.assembled_rules(host.cluster))
    host.state["loaded"] = 9e12

    assert host.steps() == []


def test_a_run_that_broke_before_the_reload_is_made_good(host: Host) -> None:
    host.write("pg_hba.conf", postgresql.assembled_rules(host.cluster))

    assert host.steps() == ["reload"]
    assert host.steps() == []


def test_new_rules_are_written_and_loaded(host: Host) -> None:
    host.write("pg_hba.d/50-shop.conf", RULE + "\n")

    assert host.steps() == ["access rules", "reload"]
    assert RULE in host.rules()


@pytest.mark.parametrize(
    ("clients", "allowed", "steps"),
    [(0, False, ["reload", "restart"]), (3, False, ["reload"]), (3, True, ["reload", "restart"])],
)
def test_a_server_with_clients_is_restarted_only_when_allowed(host: Host, clients: int, allowed: bool, steps: list[str]) -> None:
    host.write("pg_hba.conf", postgresql.assembled_rules(host.cluster))
    host.state |= {"clients": clients, "pending": {"shared_buffers": "128MB"}}

    assert host.steps(allowed) == steps


def test_questions_go_to_the_port_on_which_the_server_still_listens(host: Host) -> None:
    Path(host.cluster.data, "postmaster.pid").write_text("42\n/data\n1700000000\n5433\n/var/run/postgresql\n")

    host.cluster.ask("select 1")

    assert host.called[-1][host.called[-1].index("-p") + 1] == "5433"


def test_a_new_server_gets_checksums_before_its_first_start(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "refuse_taken_port", lambda _: None)
    host.answers["pg_controldata"] = (0, "Data page checksum version:           0\n")

    steps = list(postgresql.steps_to_run(host.cluster))
    for step in steps:
        step.take()

    programs = [Path(part).name for command in host.called for part in command]
    assert [step.name for step in steps] == ["access rules", "checksums", "start"]
    assert programs.index("pg_checksums") < programs.index("start")


def test_a_server_that_has_run_keeps_its_data_as_it_is(host: Host) -> None:
    Path(host.cluster.data, "postmaster.opts").touch()

    postgresql.protect_with_checksums(host.cluster)

    assert host.called == []


def test_an_empty_server_beside_older_data_is_refused(host: Host) -> None:
    older = host.root / "etc/postgresql/15/main"
    older.mkdir(parents=True)
    (older / "postgresql.conf").touch()

    with pytest.raises(
        PostgresqlError,
        match=r'(?s)its data in PostgreSQL 15.*postgresql_version: "15".*playbooks/upgrade_postgresql.yml -e upgrade_to=17',
    ):
        postgresql.refuse_beside_older(host.cluster)

    Path(host.cluster.data, "postmaster.opts").touch()
    postgresql.refuse_beside_older(host.cluster)


def test_a_server_that_an_upgrade_left_behind_is_refused(host: Host) -> None:
    newer = host.root / "etc/postgresql/18/main"
    newer.mkdir(parents=True)
    (newer / "postgresql.conf").touch()
    (newer / "start.conf").write_text("auto\n", encoding="utf-8")
    Path(host.cluster.data, "postmaster.opts").touch()
    postgresql.refuse_beside_older(host.cluster)

    Path(host.cluster.configuration, "start.conf").write_text("disabled\n", encoding="utf-8")
    with pytest.raises(PostgresqlError, match=r'(?s)serves from PostgreSQL 18.*postgresql_version: "18".*upgrade_do=back'):
        postgresql.refuse_beside_older(host.cluster)

    (newer / "start.conf").write_text("disabled\n", encoding="utf-8")
    postgresql.refuse_beside_older(host.cluster)


def test_a_taken_port_is_named(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PostgresqlError, match=f"Port {port} .* postgresql_port"):
            postgresql.start(Cluster("17", "main", port, host.run, str(host.root)))


@pytest.mark.parametrize(
    ("log", "remedy"),
    [
        ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", "postgresql_memory_mb lower"),
        ("FATAL:  could not write lock file: No space left on device", "The disk is full"),
        ("FATAL:  could not load /etc/postgresql/17/main/pg_hba.conf", "postgresql_allowed_clients"),
        ("something else", "Its whole log is"),
    ],
)
def test_a_start_that_fails_says_why_and_what_to_do(host: Host, log: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "refuse_taken_port", lambda _: None)
    folder = host.root / "var/log/postgresql"
    folder.mkdir(parents=True)
    (folder / "postgresql-17-main.log").write_text(log + "\n")
    host.answers["systemctl start"] = (1, "")

    with pytest.raises(PostgresqlError) as failure:
        postgresql.start(host.cluster)

    assert log in str(failure.value)
    assert remedy in str(failure.value)


def test_the_template_of_the_rules(render: Callable[..., str]) -> None:
    text = render(
        "postgresql",
        "etc/postgresql/_version_/main/pg_hba.d/50-_access_.conf.j2",
        postgresql_access_name="shop",
        postgresql_databases=[{"name": "shop", "owner": "shop"}],
        postgresql_allowed_clients=[{"database": "shop", "user": "shop", "address": "10.0.0.4"}],
    )

    assert text.splitlines()[-1] == "host   shop,shop-loading  +shop  10.0.0.4/32  scram-sha-256"
    assert "host   shop,shop-loading  +shop  127.0.0.1/32  scram-sha-256" in text


def test_what_was_changed_by_alter_system_is_what_the_files_say_again(host: Host) -> None:
    host.state["overruling"] = ["work_mem", "log_connections"]

    assert host.steps(settings=["work_mem", "shared_buffers"]) == ["access rules", "reset of work_mem", "reload"]
    # What no file of ours says is somebody else's.
    assert host.state["overruling"] == ["log_connections"]
    assert host.steps(settings=["work_mem", "shared_buffers"]) == []


def test_servers_that_would_not_start_with_their_host_are_enabled(host: Host) -> None:
    assert list(postgresql.steps_at_boot(host.cluster)) == []
    host.answers["is-enabled"] = (1, "disabled\n")
    (step,) = postgresql.steps_at_boot(host.cluster)
    step.take()
    assert host.called[-1] == ["systemctl", "enable", "--quiet", "postgresql.service"]


@pytest.mark.parametrize(("verb", "unit"), [("enable", "postgresql.service"), ("start", "postgresql@17-main.service")])
def test_a_server_that_somebody_has_masked_is_told_as_such(host: Host, verb: str, unit: str) -> None:
    host.answers[f"systemctl {verb}"] = (1, f"Failed to {verb} unit: Unit {unit} is masked.")
    with pytest.raises(Refusal, match="is masked on") as refused:
        {"enable": postgresql.enable, "start": postgresql.start}[verb](host.cluster)
    assert f"systemctl unmask {unit}" in str(refused.value)


def test_a_server_that_may_not_start_with_its_host_is_told_before_anything_changes(host: Host) -> None:
    host.answers["is-enabled"] = (1, "masked\n")
    with pytest.raises(Refusal, match=r"systemctl unmask postgresql\.service"):
        list(postgresql.steps_at_boot(host.cluster))


def test_a_configuration_that_a_stopped_server_would_refuse_is_told_unless_this_run_mends_it(host: Host) -> None:
    path = f"{host.cluster.configuration}/conf.d/zz.conf"
    host.answers["-C max_connections"] = (1, f'syntax error in file "{path}" line 1, near token "off"')
    refuse_start(host.cluster, [path])
    with pytest.raises(Refusal, match="refuses its configuration") as refused:
        refuse_start(host.cluster, [])
    assert path in str(refused.value)
