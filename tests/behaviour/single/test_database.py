"""The database lets in the site, by password and from where it should, and nobody else."""

from __future__ import annotations

import re
import socket

import pytest

from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("postgresql")

PORT = 5432


def connect(machine: Machine, site: Site, password: str, database: str = "") -> str:
    """What the database says to the site's account with this password."""
    return Database(machine, database or site.name).told_to(site.database_login, password)


def test_the_site_is_let_in_with_its_password(plain: Site, db: Machine) -> None:
    assert connect(db, plain, plain.secrets["database_password"]) == "plain"


def test_a_wrong_password_is_refused(plain: Site, db: Machine) -> None:
    assert "password authentication failed" in connect(db, plain, "not-the-password")


def test_no_password_is_refused(plain: Site, db: Machine) -> None:
    told = db.run(f"psql -XAtw -h 127.0.0.1 -U {plain.name} -d {plain.name} -c 'SELECT 1' 2>&1 || true")
    assert "no password supplied" in told, told


def test_another_account_of_the_host_is_refused_on_the_unix_socket(plain: Site, db: Machine) -> None:
    told = db.run(f"cd / && runuser -u nobody -- psql -XAtw -U {plain.name} -d {plain.name} -c 'SELECT 1' 2>&1 || true")
    assert re.search("no password supplied|authentication failed", told), told


def test_passwords_are_stored_as_scram(plain: Site) -> None:
    stored = plain.database.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'plain'")
    assert stored.startswith("SCRAM-SHA-256$"), stored[:20]


def test_the_database_is_not_reachable_from_outside(plain: Site, db: Machine) -> None:
    with socket.socket() as connection:
        connection.settimeout(5)
        refused = connection.connect_ex((db.address, PORT))
    assert refused != 0, f"{db.address}:{PORT} takes connections from outside"


def test_one_site_cannot_read_the_other_ones_database(plain: Site, gallery: Site, db: Machine) -> None:
    told = connect(db, plain, plain.secrets["database_password"], database=gallery.name)
    assert re.search("permission denied|no pg_hba.conf entry|not permitted", told), told


def test_the_site_owns_its_database_and_is_no_superuser(plain: Site) -> None:
    owner = plain.database.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'plain'")
    rights = plain.database.rows(
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = 'plain'"
    )
    assert owner == "plain"
    assert rights == [["f", "f", "f", "f"]], rights


def test_extensions_are_there_as_asked_for(stock: Site, plain: Site) -> None:
    wanted = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"
    assert stock.database.value(wanted) == "1"
    assert plain.database.value(wanted) == "0"


def test_settings_follow_the_hosts_memory(plain: Site, db: Machine) -> None:
    of_the_host = db.run("awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo")
    memory_mb = int(db.variables.get("postgresql_memory_mb", of_the_host))
    mb = "SELECT setting::bigint * 8 / 1024 FROM pg_settings WHERE name = "
    shared_mb = int(plain.database.value(f"{mb} 'shared_buffers'"))
    cache_mb = int(plain.database.value(f"{mb} 'effective_cache_size'"))
    assert 0.1 * memory_mb < shared_mb < 0.45 * memory_mb, f"shared_buffers is {shared_mb} MiB of {memory_mb} MiB"
    assert 0.4 * memory_mb < cache_mb < 0.9 * memory_mb, f"effective_cache_size is {cache_mb} MiB of {memory_mb} MiB"


def test_text_is_utf8(plain: Site) -> None:
    assert plain.database.value("SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'plain'") == "UTF8"
    text_id = "Ž-ünïcødé-吉他"
    plain.visitor.post("/", {"text_id": text_id})
    assert plain.database.value(f"SELECT length(text_id) FROM journal_entry WHERE text_id = '{text_id}'") == str(len(text_id))
