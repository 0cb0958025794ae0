"""What sites share of a server is the union of what each needs, whoever runs when."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import server, sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import Part, settings_in
from ansible_collections.hotclub.django.plugins.module_utils.steps import postgresql_server

BLOG = Part(memory_mb=2048, processors=2)
SHOP = Part(
    listen_addresses=("localhost", "10.0.0.31"),
    memory_mb=4096,
    processors=2,
    max_connections=150,
    certificate_names=("db1", "10.0.0.31"),
)
REMOTE = "hostssl  shop  +shop  10.0.0.4/32  scram-sha-256  clientcert=verify-full\n"
LOCAL = "local  blog  +blog  scram-sha-256\nhost   blog  +blog  127.0.0.1/32  scram-sha-256\n"
# As the version before has written it, for all sites at once.
BEFORE = """\
# Ansible managed
# Settings of PostgreSQL 17, computed for 4096 MiB of memory and 2 cores.

listen_addresses = 'localhost, 10.0.0.31'
max_connections = '150'
port = '5432'
shared_buffers = '2GB'
ssl = 'on'
ssl_cert_file = '/etc/postgresql/17/main/certificate/fullchain.pem'
log_line_prefix = 'it''s %m \\\\ '
"""


class Host:
    """A host with a server that several sites share."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.complaint = ""
        self.libraries = ""
        self.cluster = Cluster("17", "main", 5432, self.run, str(root))
        for folder in ("conf.d", "pg_hba.d"):
            Path(self.cluster.configuration, folder).mkdir(parents=True)
        self.write("postgresql.conf", "")

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        if command[0] == "openssl":
            return 0, "X509v3 Subject Alternative Name: \n    DNS:db1, IP Address:10.0.0.31\n"
        if "shared_preload_libraries" in command:
            return 0, f"{self.libraries}\n"
        return (1, self.complaint) if self.complaint and "-C" in command else (0, "")

    def write(self, name: str, text: str) -> None:
        path = Path(self.cluster.configuration, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def settings(self) -> dict[str, str]:
        return settings_in(Path(sharing.settings_path(self.cluster)).read_text())

    def files(self) -> dict[str, str]:
        found = Path(self.cluster.configuration).rglob("*")
        return {str(path): path.read_text() for path in found if path.is_file()}

    def share(self, site: str, part: Part, check: bool = False) -> sharing.Outcome:
        return sharing.share(self.cluster, site, part, check)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize("order", list(itertools.permutations(["blog", "shop", "blog", "shop"])))
def test_in_any_order_each_site_has_what_it_needs(host: Host, order: tuple[str, ...]) -> None:
    parts = {"blog": BLOG, "shop": SHOP}
    for site in order:
        host.share(site, parts[site])

    held = host.settings()
    assert held["listen_addresses"] == "localhost, 10.0.0.31"
    assert held["ssl"] == "on"
    assert held["ssl_ca_file"].endswith("/etc/postgresql/17/main/certificate/authority.pem")
    assert held["ssl_min_protocol_version"] == "TLSv1.3"
    assert held["max_connections"] == "150"
    # What the site that shares its host with workers leaves.
    assert held["effective_cache_size"] == "1536MB"
    assert host.share("blog", BLOG).changes == ()
    assert host.share("shop", SHOP).changes == ()


def test_a_site_without_others_needs_nobody_else(host: Host) -> None:
    host.share("blog", BLOG)

    held = host.settings()
    assert held["listen_addresses"] == "localhost"
    assert held["password_encryption"] == "scram-sha-256"
    assert not [name for name in held if name.startswith(("ssl", "wal_keep"))]


@pytest.mark.parametrize(
    ("there", "loaded"),
    [
        ("", "pg_stat_statements"),
        ("timescaledb", "timescaledb, pg_stat_statements"),
        ("pg_stat_statements,auto_explain", "pg_stat_statements, auto_explain"),
    ],
)
def test_queries_are_counted_and_what_others_have_loaded_stays_so(host: Host, there: str, loaded: str) -> None:
    host.libraries = there
    host.share("blog", BLOG)
    # From now on the file says it, whatever else the server reads.
    host.libraries = ""
    host.share("shop", SHOP)
    sharing.leave(host.cluster, "blog", check=False)

    held = host.settings()
    assert held["shared_preload_libraries"] == loaded
    # Statements that could hold a password are not kept.
    assert held["pg_stat_statements.track_utility"] == "off"


def test_a_library_that_no_inventory_names_any_more_is_loaded_no_more(host: Host) -> None:
    named = replace(BLOG, settings={"shared_preload_libraries": "timescaledb, pg_stat_statements"})
    host.share("blog", named)
    host.share("shop", replace(SHOP, settings=named.settings))
    host.share("blog", BLOG)
    assert "timescaledb" in host.settings()["shared_preload_libraries"], "another site names it"
    sharing.leave(host.cluster, "shop", check=False)

    assert host.settings()["shared_preload_libraries"] == "pg_stat_statements"


def test_an_operator_may_have_nothing_counted(host: Host) -> None:
    host.share("blog", replace(BLOG, settings={"shared_preload_libraries": ""}))

    assert host.settings()["shared_preload_libraries"] == ""


def test_settings_of_the_operator_win_and_are_quoted(host: Host) -> None:
    host.share("blog", replace(BLOG, settings={"shared_buffers": "2GB", "log_line_prefix": "it's %m "}))

    text = Path(sharing.settings_path(host.cluster)).read_text()
    assert "shared_buffers = '2GB'" in text
    assert "log_line_prefix = 'it''s %m '" in text
    assert "for 2048 MiB of memory and 2 cores" in text


def test_a_site_that_leaves_takes_its_part_alone(host: Host) -> None:
    host.write("pg_hba.d/50-blog.conf", LOCAL)
    host.write("pg_hba.d/50-shop.conf", REMOTE)
    host.share("blog", BLOG)
    before = host.settings()
    host.share("shop", replace(SHOP, is_copied=True, max_connections=0))
    assert host.settings()["wal_keep_size"] == "1GB"

    sharing.leave(host.cluster, "shop", check=False)

    assert host.settings() == before
    assert not [path for path in host.files() if "shop" in path]
    assert Path(sharing.rules_path(host.cluster, "blog")).read_text() == LOCAL
    assert sharing.leave(host.cluster, "shop", check=False).changes == ()


def test_the_last_site_that_leaves_leaves_the_settings_as_they_are(host: Host) -> None:
    host.share("shop", SHOP)
    before = host.settings()

    sharing.leave(host.cluster, "shop", check=False)

    assert host.settings() == before


def test_check_mode_shows_the_change_and_makes_none(host: Host) -> None:
    host.share("blog", BLOG)
    before = host.files()

    shown = host.share("shop", SHOP, check=True)
    sharing.leave(host.cluster, "blog", check=True)

    assert host.files() == before
    texts = {Path(path).name: after for path, _, after in shown.changes}
    assert set(texts) == {"hotclub.conf", "shop.json"}
    assert "10.0.0.31" in texts["hotclub.conf"]


# --- hosts of the version before


def test_a_host_of_the_version_before_keeps_what_other_sites_have(host: Host) -> None:
    host.write("conf.d/hotclub.conf", BEFORE)
    host.write("pg_hba.d/50-shop.conf", REMOTE)
    host.write("pg_hba.d/50-blog.conf", LOCAL)
    host.write("certificate/fullchain.pem", "")

    host.share("blog", BLOG)

    held = host.settings()
    assert held["listen_addresses"] == "localhost, 10.0.0.31"
    assert held["ssl"] == "on"
    assert held["max_connections"] == "150"
    assert held["shared_buffers"] == "2GB"
    assert held["log_line_prefix"] == "it's %m \\ "
    others = sharing.seen_by_others(host.cluster, "blog")
    assert others["sites"] == ["shop"]
    assert set(others["names"]) == {"db1", "10.0.0.31"}

    # Its own next run says what it needs, and nothing of the former file is left.
    host.share("shop", SHOP)
    assert host.settings()["shared_buffers"] == "512MB"
    assert "log_line_prefix" not in host.settings()


def test_a_site_by_itself_takes_nothing_over_from_the_version_before(host: Host) -> None:
    host.write("conf.d/hotclub.conf", BEFORE)
    host.write("pg_hba.d/50-blog.conf", LOCAL)
    host.write("pg_hba.d/00-administrator.conf", "local  all  postgres  peer\n")

    host.share("blog", BLOG)

    assert host.settings()["listen_addresses"] == "localhost"
    assert "ssl" not in host.settings()


def test_a_site_that_nobody_reaches_from_elsewhere_opens_nothing(host: Host) -> None:
    host.write("conf.d/hotclub.conf", BEFORE)
    host.write("pg_hba.d/50-blog.conf", LOCAL)

    host.share("shop", Part(memory_mb=4096, processors=2))

    assert host.settings()["listen_addresses"] == "localhost"
    assert "ssl" not in host.settings()


def test_other_sites_names_are_known_before_a_certificate_is_made(host: Host) -> None:
    host.write("certificate/authority.pem", "an authority")
    host.share("shop", SHOP)
    host.share("blog", BLOG)

    assert sharing.seen_by_others(host.cluster, "blog") == {
        "sites": ["shop"],
        "names": ["10.0.0.31", "db1"],
        "authority": "an authority",
    }
    assert sharing.seen_by_others(host.cluster, "shop") == {"sites": [], "names": [], "authority": ""}


# --- what can't be had by all


def test_a_setting_that_sites_want_differently_stays_until_they_agree(host: Host) -> None:
    one, two = ({"work_mem": value} for value in ("8MB", "16MB"))
    host.share("shop", replace(SHOP, settings=two))

    told = host.share("blog", replace(BLOG, settings=one)).contested

    assert host.settings()["work_mem"] == "16MB"
    assert told == ("work_mem is 16MB, but blog wants 8MB and shop wants 16MB",)
    assert host.share("shop", replace(SHOP, settings=one)).contested == ()
    assert host.settings()["work_mem"] == "8MB"


def test_a_site_that_wants_another_port_is_refused_until_all_want_it(host: Host) -> None:
    host.share("shop", SHOP)
    for _ in range(2):
        with pytest.raises(
            PostgresqlError, match=r"blog wants PostgreSQL 17 on port 5433, and shop on port 5432.*postgresql_port"
        ):
            host.share("blog", replace(BLOG, port=5433))
        assert host.settings()["port"] == "5432"

    with pytest.raises(PostgresqlError, match="shop wants PostgreSQL 17 on port 5434, and blog on port 5433"):
        host.share("shop", replace(SHOP, port=5434))
    host.share("shop", replace(SHOP, port=5433))
    host.share("blog", replace(BLOG, port=5433))
    assert host.settings()["port"] == "5433"


def test_settings_that_the_server_refuses_are_taken_back_with_the_part(host: Host) -> None:
    host.share("shop", SHOP)
    before = host.files()
    host.complaint = "FATAL: invalid value for parameter work_mem"

    with pytest.raises(PostgresqlError, match=r"(?s)refuses its settings: FATAL: invalid value.*postgresql_settings.*of blog"):
        host.share("blog", replace(BLOG, settings={"work_mem": "much"}))

    assert host.files() == before


def test_a_part_that_is_no_part_is_named(host: Host) -> None:
    host.write("hotclub.d/shop.json", "{")

    with pytest.raises(PostgresqlError, match=r"hotclub\.d/shop\.json can't be read .*site\.yml"):
        host.share("blog", BLOG)


def test_a_part_of_a_later_version_is_read_as_far_as_it_is_known(host: Host) -> None:
    host.write("hotclub.d/shop.json", json.dumps({"listen_addresses": ["10.0.0.31"], "yet_unknown": True}))

    host.share("blog", BLOG)

    assert host.settings()["listen_addresses"] == "localhost, 10.0.0.31"


# --- connections


def test_connections_are_as_many_as_all_sites_need_when_they_deploy(host: Host) -> None:
    host.share("blog", replace(BLOG, connections={"app1": 20}))
    # There is room for the next site without a restart.
    assert host.settings()["max_connections"] == "200"
    host.share("shop", replace(SHOP, max_connections=0, connections={"app1": 100, "app2": 100}))
    # 220 of the sites, 13 of others; in steps, so that one worker more needs no restart.
    assert host.settings()["max_connections"] == "250"
    host.share("blog", replace(BLOG, connections={"app1": 28}))
    assert host.settings()["max_connections"] == "250"

    # Fewer would need a restart as well.
    sharing.leave(host.cluster, "shop", check=False)
    assert host.settings()["max_connections"] == "250"


def test_a_server_that_has_enough_connections_gets_no_more(host: Host) -> None:
    host.write("conf.d/hotclub.conf", "max_connections = '100'\n")
    host.share("blog", replace(BLOG, connections={"app1": 87}))
    assert host.settings()["max_connections"] == "100"
    host.share("blog", replace(BLOG, connections={"app1": 88}))
    assert host.settings()["max_connections"] == "150"


def test_a_run_for_some_hosts_takes_nothing_from_the_others(host: Host) -> None:
    host.share("shop", replace(SHOP, max_connections=0, connections={"app1": 90, "app2": 90}))
    assert host.settings()["max_connections"] == "200"

    assert host.share("shop", replace(SHOP, max_connections=0, connections={"app1": 0, "app2": 90})).changes == ()
    # One has left.
    host.share("shop", replace(SHOP, max_connections=0, connections={"app2": 0}))
    assert json.loads(host.files()[f"{host.cluster.configuration}/hotclub.d/shop.json"])["connections"] == {"app2": 90}


def test_a_run_without_the_database_tells_of_its_new_host(host: Host) -> None:
    host.share("shop", replace(SHOP, max_connections=0, connections={"app1": 90}))
    # That of the application host is not the server's.
    without: dict[str, Any] = {"site": "shop", "port": 5433, "needs": None}

    server.shared(host.cluster, {**without, "connections": {"app1": 0, "app2": 90}}, check=False)

    assert host.settings()["max_connections"] == "200"
    assert host.settings()["listen_addresses"] == "localhost, 10.0.0.31"
    everything = replace(SHOP, max_connections=0, connections={"app1": 90, "app2": 90})
    assert host.share("shop", everything).changes == ()
    # Nothing to tell; and sites that have said nothing yet, or did by the version before.
    assert server.shared(host.cluster, {**without, "connections": {}}, check=False).changes == ()
    host.write("hotclub.d/blog.json", json.dumps({"max_connections": 100, "memory_mb": 2048}))
    for site in ("new", "blog"):
        assert server.shared(host.cluster, {**without, "site": site, "connections": {"app1": 132}}, check=False).changes == ()


@pytest.mark.parametrize("said", [{"max_connections": 50}, {"max_connections": 0, "settings": {"max_connections": "50"}}])
def test_too_few_connections_are_refused_with_the_numbers_before_anything_changes(host: Host, said: dict[str, Any]) -> None:
    host.share("blog", replace(BLOG, connections={"app1": 20}))
    before = host.files()
    few = replace(SHOP, connections={"app1": 20, "app2": 20}, **said)

    with pytest.raises(
        Refusal,
        match=r"(?s)would take 50 connections, .* 73 may be open: blog 20 \(app1 20\), shop 40 \(app1 20, app2 20\), and 13 .*"
        r"Set postgresql_max_connections of shop to 73 or more, or leave it out, .* or set gunicorn_workers",
    ):
        host.share("shop", few)

    assert host.files() == before
    host.share("shop", replace(few, max_connections=73, settings={}))
    assert host.settings()["max_connections"] == "73"


def test_a_site_of_the_version_before_keeps_nobody_from_growing(host: Host) -> None:
    host.write("hotclub.d/blog.json", json.dumps({"max_connections": 100, "memory_mb": 2048}))

    host.share("shop", replace(SHOP, max_connections=0, connections={"app1": 132}))

    assert host.settings()["max_connections"] == "200"


# --- the file


@pytest.mark.parametrize("value", ["", "8MB", "it's", "'", "\\", "\\'", "''", "a\\\\b", "%m [%p] ", "ü #"])
def test_a_value_stays_in_its_quotes_and_is_read_as_it_was(value: str) -> None:
    text = sharing.settings_text("17", {"shop": SHOP}, {"work_mem": value})

    (line,) = [line for line in text.split("\n") if line.startswith("work_mem")]
    # The lexer of postgresql.conf: in quotes, a backslash and a quote stand for the next character.
    assert re.fullmatch(r"work_mem = '((?:[^'\\\n]|\\.|'')*)'", line)
    assert settings_in(text) == {"work_mem": value}


def test_the_role_says_what_its_site_needs(evaluate: Callable[..., Any]) -> None:
    facts = {"memtotal_mb": 4096, "processor_vcpus": 2, "distribution_release": "trixie"}
    needs = evaluate(
        "postgresql",
        "{{ __postgresql_needs }}",
        ansible_facts=facts,
        postgresql_listen_addresses=["localhost", "10.0.0.31"],
        postgresql_certificate_names=["db1"],
        postgresql_replicas=[{"user": "copy", "address": "10.0.0.5"}],
        postgresql_settings={"shared_buffers": "2GB"},
        postgresql_memory_share=0.5,
    )

    part = Part.of(needs)
    assert part == Part(
        listen_addresses=("localhost", "10.0.0.31"),
        memory_mb=2048,
        processors=2,
        certificate_names=("db1",),
        is_copied=True,
        settings={"shared_buffers": "2GB"},
    )
    assert set(needs) <= set(postgresql_server.SPEC["needs"]["options"])


def test_one_site_with_backups_has_the_server_archive_and_it_stays_switched_on(host: Host) -> None:
    host.share("blog", BLOG)
    assert "archive_mode" not in host.settings()
    host.share("shop", replace(SHOP, is_archived=True))
    assert host.settings()["archive_mode"] == "on"
    # It can't be switched off without a restart; nothing is archived once the backups have left.
    host.share("shop", SHOP)
    assert host.settings()["archive_mode"] == "on"
    assert host.settings()["archive_command"].startswith("test ! -e ")
