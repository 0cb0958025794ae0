"""A database that somebody else runs: what a look at it finds, and one message with a remedy for whatever is in the way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import managed

TARGET = managed.Target("db.example.net", 5433, "shop", "seller", "S3cret", "verify-full", "-----BEGIN", ("pg_trgm",))
TOLD: dict[str, Any] = {
    "has_options": True,
    "number": 170006,
    "version": "17.6",
    "is_copy": False,
    "schema": "public",
    "may_create": True,
    "extensions": ["pg_trgm"],
    "bytes": 8 * 1024**2,
    "max_connections": 100,
    "reserved": 3,
    "account_limit": -1,
    "database_limit": -1,
    "is_empty": False,
    "own": 7,
    "own_here": 7,
    "here": 9,
    "all": 30,
}


class Server:
    """Answers in psql's place."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.command: list[str] = []
        self.said: dict[str, Any] = {}

    def __call__(self, command: list[str], **said: Any) -> Outcome:
        self.command, self.said = command, said
        return self.outcome


def looked(**differently: Any) -> dict[str, Any]:
    return managed.look(TARGET, Server(Outcome(0, json.dumps(TOLD | differently))))


def test_a_look_tells_what_the_server_is_and_has_room_for() -> None:
    found = looked()

    assert (found["version"], found["megabytes"], found["connections"]) == ("17.6", 8.0, 9)
    # What the site itself has open is among what it may have.
    assert found["room"] == 100 - 3 - 23
    assert found["room_why"] == "max_connections is 100, 3 are reserved, 23 are others'"


def test_the_smallest_limit_counts() -> None:
    assert looked(account_limit=20)["room_why"] == "the account is limited to 20"
    assert looked(database_limit=10)["room"] == 8
    assert looked(max_connections=20)["room"] == 0


def test_a_host_can_ask_that_has_the_program_and_knows_whom_to_believe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted, program = tmp_path / "ca-certificates.crt", tmp_path / "psql"
    monkeypatch.setattr(managed, "AUTHORITIES", str(trusted))
    monkeypatch.setattr(managed, "PATH", str(tmp_path))
    by_any = replace(TARGET, authority="")

    assert not managed.can_ask(TARGET)
    program.touch(0o755)
    assert managed.can_ask(TARGET) and not managed.can_ask(by_any)
    trusted.touch()
    assert managed.can_ask(by_any)


def test_the_password_is_no_argument_and_hidden_in_what_psql_says() -> None:
    server = Server(Outcome(0, json.dumps(TOLD)))
    managed.look(TARGET, server)

    assert "S3cret" not in " ".join(server.command) and server.said["hidden"] == ["S3cret"]
    assert server.said["environment"]["PGPASSWORD"] == "S3cret"
    assert server.said["environment"]["PGSSLMODE"] == "verify-full" and "S3cret" not in repr(TARGET)


def test_nothing_of_a_look_stays_on_a_connection_that_a_pool_lends_to_others() -> None:
    server = Server(Outcome(0, json.dumps(TOLD)))
    managed.look(TARGET, server)

    said = " ".join(server.said["stdin"].split())
    assert said.startswith("start transaction read only; select") and said.endswith("; commit;")
    assert not re.search(r"\bset\b", said, re.IGNORECASE)
    # By the way that migrations say their limits, and nothing that a server or a project knows.
    assert server.said["environment"]["PGOPTIONS"] == "-c hotclub.trial=on"


@pytest.mark.parametrize(
    ("differently", "words"),
    [
        ({"has_options": False}, ["drops the lock_timeout of migrations", "the server's own address in site_database_server"]),
        ({"is_copy": True, "may_create": False}, ["takes no writes", "the primary's address"]),
        ({"number": 130012, "version": "13.12"}, ["PostgreSQL 13.12", "14 or later"]),
        (
            {"may_create": False},
            ["may not create tables in the schema public", "GRANT CREATE, USAGE ON SCHEMA public TO seller;"],
        ),
        ({"schema": None, "may_create": False}, ["in the schema public"]),
        ({"extensions": []}, ["lacks the extension pg_trgm", 'CREATE EXTENSION "pg_trgm";']),
    ],
)
def test_a_server_that_will_not_do_is_refused(differently: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Trouble) as refused:
        looked(**differently)
    for word in words:
        assert word in str(refused.value)


THERE, ELSEWHERE = "postgres://seller:x@db.example.net:5433/shop", "postgres://shop:x@127.0.0.1:5432/shop"


def site(folder: Path, address: str, release: str = "releases/20261130") -> str:
    """Return the folder of a site that has the database at an address, and serves where it has a release."""
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "etc" / "environment").write_text(f'DATABASE_URL="{address}"\n', encoding="utf-8")
    if release:
        (folder / "current").symlink_to(release)
    return str(folder)


def test_a_site_that_serves_has_its_data_there_or_elsewhere(tmp_path: Path) -> None:
    def standing(root: str) -> tuple[bool, bool]:
        found = managed.look_for(root, TARGET, Server(Outcome(0, json.dumps(TOLD))))
        assert found["room"] == 74
        return found["is_in_use"], found["is_elsewhere"]

    assert standing(str(tmp_path)) == (False, False)
    # It has not got as far as a release.
    assert standing(site(tmp_path, ELSEWHERE, release="")) == (False, False)
    assert standing(site(tmp_path, ELSEWHERE)) == (False, True)
    assert standing(site(tmp_path, THERE, release="")) == (True, False)


def test_a_site_that_has_used_up_its_connections_may_be_given_fewer_workers(tmp_path: Path) -> None:
    crowded = Server(Outcome(2, "", f'psql: error: {FAILED}FATAL:  too many connections for role "seller"'))

    for address, release in ((THERE, ""), (ELSEWHERE, "releases/20261130")):
        with pytest.raises(managed.Crowded, match="no free connection"):
            managed.look_for(site(tmp_path, address, release), TARGET, crowded)
    found = managed.look_for(site(tmp_path, THERE, release=""), TARGET, crowded)
    assert (found["room"], found["room_why"]) == (0, 'too many connections for role "seller"')
    assert (found["is_in_use"], found["is_elsewhere"], found["is_empty"]) == (True, False, False)
    # What is wrong with the server itself is no matter of the moment.
    with pytest.raises(Trouble, match="takes no writes"):
        managed.look_for(str(tmp_path), TARGET, Server(Outcome(0, json.dumps(TOLD | {"is_copy": True}))))


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        ("postgres://seller:x@db.example.net:5433/shop", True),
        ("postgres://seller:x@DB.example.net:5433/shop?application_name=x", True),
        ("postgres://seller:x@db.example.net:5433/shop_old", False),
        ("postgres://seller:x@db.example.net:54330/shop", False),
        ("postgres://seller:x@db.example.net/shop", False),
        ("postgres://seller:db.example.net:5433@elsewhere:5433/shop", False),
        ("postgres://seller:x@db.example.net:x/shop", False),
        ("", False),
    ],
)
def test_an_address_leads_to_a_database_by_all_its_parts(address: str, leads: bool) -> None:
    assert managed.leads_to(TARGET, address) == leads


def test_an_address_without_a_port_or_of_ipv6_leads_to_its_database() -> None:
    target = managed.Target("2001:db8::7", 5432, "shop", "seller", "S3cret")
    assert managed.leads_to(target, "postgres://seller:x@[2001:DB8::7]:5432/shop")
    assert managed.leads_to(target, "postgres://seller:x@[2001:db8::7]/shop")


FAILED = 'connection to server at "db.example.net" (192.0.2.7), port 5433 failed: '


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            'could not translate host name "db.example.net" to address: Name or service not known',
            ["knows no address of db.example.net", "site_database_server"],
        ),
        (
            f"{FAILED}FATAL:  unsupported startup parameter: options",
            ["db.example.net:5433 is a pool", "the server's own address in site_database_server"],
        ),
        (
            f"{FAILED}FATAL:  unsupported startup parameter in options: hotclub.trial",
            ["db.example.net:5433 is a pool", "hotclub.trial"],
        ),
        (
            f"{FAILED}FATAL:  Feature not supported: RDS Proxy currently doesn\u2019t support command-line options.",
            ["db.example.net:5433 is a pool", "the server's own address"],
        ),
        (f"{FAILED}Connection refused\n\tIs the server running on that host?", ["can't reach db.example.net:5433", "firewall"]),
        (f"{FAILED}timeout expired", ["can't reach db.example.net:5433"]),
        (f"{FAILED}server does not support SSL, but SSL was required", ["speaks no TLS", "ssl = on"]),
        (
            f'{FAILED}root certificate file "/etc/ssl/certs/ca-certificates.crt" does not exist\n'
            "Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode.",
            ["has no /etc/ssl/certs/ca-certificates.crt", "apt-get install ca-certificates"],
        ),
        (f"{FAILED}SSL error: certificate verify failed", ["not signed by the authority in site_database_ca_path"]),
        (
            f'{FAILED}server certificate for "pg7.internal" does not match host name "db.example.net"',
            ["pg7.internal", "site_database_tls_mode: verify-ca"],
        ),
        (
            f'{FAILED}FATAL:  password authentication failed for user "seller"',
            ["does not let seller in", "Correct site_database_user and site_database_password"],
        ),
        (
            f'{FAILED}FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "seller", database "shop", SSL encryption',
            ["does not let seller into shop", "addresses of the application hosts"],
        ),
        (f'{FAILED}FATAL:  database "shop" does not exist', ["no database shop", "CREATE DATABASE shop OWNER seller;"]),
        (f'{FAILED}FATAL:  permission denied for database "shop"', ["GRANT CONNECT ON DATABASE shop TO seller;"]),
        (f"{FAILED}FATAL:  sorry, too many clients already", ["no free connection"]),
        ("psql: something new", ["can't use the database shop", "something new", "log"]),
    ],
)
def test_each_complaint_has_its_remedy(said: str, words: list[str]) -> None:
    with pytest.raises(Trouble) as refused:
        managed.look(TARGET, Server(Outcome(2, "", f"psql: error: {said}")))
    for word in words:
        assert word in str(refused.value)
    assert refused.value.remedy
