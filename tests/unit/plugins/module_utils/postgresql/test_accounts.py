"""Accounts, databases and extensions: what differs from what is wanted, and one session of psql that makes it so."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.database_accounts import database_accounts
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import accounts, cluster, session
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.scram import fits, verifier_of
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import serve
from ansible_collections.hotclub.django.plugins.module_utils.steps.postgresql_server import SPEC

PASSWORD = "correct horse battery"
VERIFIER = verifier_of(PASSWORD, b"a salt of a test", 4096)
SHOP = {"name": "shop", "password": PASSWORD}
PLAIN = {"SUPERUSER": False, "CREATEDB": False, "CREATEROLE": False, "REPLICATION": False, "BYPASSRLS": False}


def account(**changed: Any) -> dict[str, Any]:
    """Return what a server says of an account."""
    attributes = PLAIN | {"INHERIT": True, "LOGIN": True}
    return {
        "attributes": attributes,
        "connection_limit": -1,
        "verifier": VERIFIER,
        "settings": None,
        "member_of": None,
    } | changed


def database(**changed: Any) -> dict[str, Any]:
    """Return what a server says of a database."""
    return {"owner": "shop", "encoding": "UTF8", "locales": ["C.UTF-8", "C.UTF-8"], "extensions": ["plpgsql"]} | changed


def plan(
    users: Sequence[dict[str, Any]] = (),
    databases: Sequence[dict[str, Any]] = (),
    found: dict[str, Any] | None = None,
) -> accounts.Plan:
    return accounts.plan({"users": users, "databases": databases}, found or {}, salt=lambda size: b"s" * size)


def statements(users: Sequence[dict[str, Any]] = (), bases: Sequence[dict[str, Any]] = (), **found: Any) -> list[str]:
    return [change.statement for change in plan(users, bases, found).changes]


# --- accounts


def test_a_new_account_may_log_in_with_its_password_and_nothing_else() -> None:
    (made,) = statements([SHOP])

    assert made.startswith('create role "shop" ')
    words = made.split("PASSWORD")[0].split()
    assert {"LOGIN", "NOSUPERUSER", "NOCREATEDB", "NOCREATEROLE", "NOREPLICATION", "NOBYPASSRLS"} <= set(words)
    verifier = re.search(r"PASSWORD '(SCRAM-SHA-256\$[^']+)';$", made)
    assert verifier
    assert fits(PASSWORD, verifier[1])
    assert PASSWORD not in made


def test_the_server_says_how_costly_a_new_verifier_is() -> None:
    assert "SCRAM-SHA-256$12:" in statements([SHOP], iterations="12")[0]
    assert "SCRAM-SHA-256$4096:" in statements([SHOP], iterations=None)[0]


def test_an_account_that_is_as_it_shall_be_is_left_alone() -> None:
    assert statements([SHOP | {"attributes": "LOGIN,NOCREATEDB"}], accounts={"shop": account()}) == []


@pytest.mark.parametrize(
    ("user", "found", "statement"),
    [
        ({"password": ""}, {}, 'alter role "shop" PASSWORD NULL;'),
        ({"password": ""}, {"verifier": None}, None),
        ({}, {}, None),
        ({"password": VERIFIER}, {}, None),
        ({"password": VERIFIER}, {"verifier": None}, f"alter role \"shop\" PASSWORD '{VERIFIER}';"),
        ({"attributes": "nologin, CREATEDB"}, {}, 'alter role "shop" CREATEDB NOLOGIN;'),
        ({"connection_limit": 7}, {}, 'alter role "shop" CONNECTION LIMIT 7;'),
        ({"connection_limit": -1}, {"connection_limit": 7}, 'alter role "shop" CONNECTION LIMIT -1;'),
        ({}, {"connection_limit": 7}, None),
    ],
)
def test_only_what_differs_is_changed(user: dict[str, Any], found: dict[str, Any], statement: str | None) -> None:
    made = statements([{"name": "shop"} | user], accounts={"shop": account(**found)})

    assert made == ([statement] if statement else [])


@pytest.mark.parametrize("stored", [None, "md5" + 32 * "a", verifier_of("another", b"salt", 4096)])
def test_a_password_that_the_server_does_not_know_is_set(stored: str | None) -> None:
    (made,) = statements([SHOP], accounts={"shop": account(verifier=stored)})

    assert fits(PASSWORD, made.split("'")[1])


def test_an_account_acts_for_another_one_that_is_named_after_it() -> None:
    wanted = [{"name": "shop-2", "acts_for": "shop"}, {"name": "shop"}]

    made = statements(wanted)

    assert [line.split(" NO")[0] for line in made[:2]] == ['create role "shop-2"', 'create role "shop"']
    assert made[2:] == ['grant "shop" to "shop-2";', "alter role \"shop-2\" set role = 'shop';"]
    deputy = account(settings=["work_mem=1MB", "role=shop"], member_of=["others", "shop"], verifier=None)
    assert statements(wanted, accounts={"shop": account(), "shop-2": deputy}) == []


def test_each_step_of_a_rotation_changes_one_of_the_two_accounts() -> None:
    held: dict[str, dict[str, Any]] = {"shop": account()}

    def step(password: str, **rotation: Any) -> list[str]:
        users = database_accounts("shop", password, {"turn": 0, "step": "", "following": ""} | rotation)
        return [re.sub("SCRAM-[^']+", "…", line) for line in statements(users, accounts=held)]

    assert step(PASSWORD) == []
    announced = step(PASSWORD, step="announced", following="the next password")
    assert announced[0].startswith('create role "shop-2" ')
    assert announced[1:] == ['grant "shop" to "shop-2";', "alter role \"shop-2\" set role = 'shop';"]

    following = verifier_of("the next password", b"salt", 4096)
    held["shop-2"] = account(verifier=following, settings=["role=shop"], member_of=["shop"])
    assert step(PASSWORD, step="announced", following="the next password") == []
    assert step("the next password", step="switched", turn=1) == []
    assert step("the next password", step="closed", turn=1) == ['alter role "shop" NOLOGIN PASSWORD NULL;']
    held["shop"] = account(verifier=None, attributes=account()["attributes"] | {"LOGIN": False})
    assert step("the next password", turn=1) == []
    assert step("the next password", step="announced", following="a third", turn=1) == ["alter role \"shop\" LOGIN PASSWORD '…';"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [("LOGIN,CREATEDBS", "the attribute CREATEDBS .* doesn't know"), ("LOGIN,NOLOGIN", "LOGIN and NOLOGIN")],
)
def test_attributes_that_mean_nothing_are_named(attributes: str, said: str) -> None:
    with pytest.raises(PostgresqlError, match=f"account shop has {said}"):
        plan([{"name": "shop", "attributes": attributes}])


# --- databases and extensions


def test_a_database_is_made_with_owner_encoding_and_locale() -> None:
    wanted = {"name": "shop", "owner": "shop", "locale": "de_DE.UTF-8", "extensions": ["pg_trgm"]}

    locales = "LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8'"
    assert statements((), [wanted]) == [
        f'create database "shop" owner "shop" ENCODING \'UTF8\' {locales} template template0;',
        'create extension if not exists "pg_trgm";',
    ]


@pytest.mark.parametrize(
    ("wanted", "found", "statement"),
    [
        ({}, {}, None),
        ({"locale": "C.utf8", "encoding": "utf-8"}, {}, None),
        ({}, {"owner": "postgres"}, 'alter database "shop" owner to "shop";'),
        ({"extensions": ["plpgsql", "pg_trgm"]}, {}, 'create extension if not exists "pg_trgm";'),
    ],
)
def test_a_database_that_is_there_is_given_what_it_lacks(
    wanted: dict[str, Any], found: dict[str, Any], statement: str | None
) -> None:
    shop = {"name": "shop", "owner": "shop"} | wanted
    made = statements((), [shop], databases={"shop": database(**found)}, encodings={"UTF8": "UTF8", "utf-8": "UTF8"})

    assert made == ([statement] if statement else [])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"encoding": "LATIN1"}, "the encoding UTF8, and postgresql_databases says LATIN1.*take them back"),
        ({"locale": "de_DE.UTF-8"}, r"the locale C\.UTF-8, and postgresql_databases says de_DE\.UTF-8.*take them back"),
        ({"encoding": "nonsense"}, "the encoding nonsense .* which PostgreSQL doesn't know"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_remedy(wanted: dict[str, Any], said: str) -> None:
    found = {"databases": {"shop": database()}, "encodings": {"UTF8": "UTF8", "LATIN1": "LATIN1", "nonsense": ""}}

    with pytest.raises(PostgresqlError, match=f"(?s)database shop has {said}"):
        plan((), [{"name": "shop", "owner": "shop"} | wanted], found)


def test_the_difference_is_shown_without_a_secret() -> None:
    user = SHOP | {"attributes": "CREATEDB"}
    there = account(verifier=verifier_of("former", b"salt", 4096))
    planned = plan([user], [{"name": "shop", "owner": "shop"}], {"accounts": {"shop": there}})

    assert "database" not in planned.before
    assert "password: set\n" in planned.before
    assert "password: a new one\n" in planned.after
    assert "attributes: CREATEDB, INHERIT, LOGIN\n" in planned.after
    shown = planned.before + planned.after
    assert "SCRAM" not in shown
    assert PASSWORD not in shown


# --- the words of a script


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("shop", '"shop"', "'shop'"),
        ("o'brien", '"o\'brien"', "'o''brien'"),
        ('a"b', '"a""b"', "'a\"b'"),
        ("back\\slash'", '"back\\slash\'"', "E'back\\\\slash'''"),
        ("x'; drop role y; --", '"x\'; drop role y; --"', "'x''; drop role y; --'"),
    ],
)
def test_names_and_values_stay_in_their_quotes(text: str, name: str, value: str) -> None:
    assert session.identifier(text) == name
    assert session.literal(text) == value


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_is_refused_in_names_and_values(text: str) -> None:
    for write in (session.identifier, session.literal, session.connect):
        with pytest.raises(PostgresqlError, match="without a line break"):
            write(text)


def test_a_database_is_connected_to_by_its_name_alone() -> None:
    assert session.connect("host=evil") == "\\connect -reuse-previous=on \"dbname='host=evil'\""
    assert session.connect("o'b\"\\") == '\\connect -reuse-previous=on "dbname=\'o\\\'b""\\\\\'"'


# --- the session


class Server:
    """A running server whose psql answers from what it holds."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.chown", lambda *_: None)
        self.called: list[list[str]] = []
        self.scripts: list[str] = []
        self.failure = ""
        self.found: dict[str, Any] = {"in_recovery": False, "iterations": None, "accounts": None, "databases": None}
        self.found["encodings"] = {"UTF8": "UTF8"}
        # Where the module looks: the clusters of the host, here below a folder of the test.
        self.cluster = cluster.Cluster("17", "main", 5432, self.run, str(root))
        monkeypatch.setattr(
            "ansible_collections.hotclub.django.plugins.module_utils.postgresql.server.Cluster", lambda *_: self.cluster
        )
        for path in (f"{self.cluster.programs}/postgres", f"{self.cluster.configuration}/postgresql.conf"):
            Path(path).parent.mkdir(parents=True)
            Path(path).touch()
        Path(self.cluster.access_rules).write_text(cluster.assembled_rules(self.cluster))

    has_statements = True

    def run(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        self.called.append(command)
        if data is None:
            return 0, ""
        self.scripts.append(data)
        if "pg_authid" in data:
            state = {"server": {"loaded": 9e12, "clients": 1, "pending": {}, "overruling": [], "statements": self.has_statements}}
            return 0, "".join(f"{session.ANSWER}{json.dumps(said)}\n" for said in (state, self.found)) + "WARNING: stray\n"
        if self.failure:
            return 3, f"{session.STEP}0\n{session.STEP}1\npsql:<stdin>:7: ERROR:  {self.failure}\n"
        return 0, ""

    def serve(self, check: bool = False, **wanted: Any) -> dict[str, Any]:
        given = {name: option.get("default") for name, option in SPEC.items()} | {"version": "17"}
        return serve(given | wanted, check, self.run)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(tmp_path, monkeypatch)


def test_a_run_that_changes_nothing_asks_once(server: Server) -> None:
    server.found |= {"accounts": {"shop": account()}, "databases": {"shop": database()}}

    result = server.serve(users=[SHOP], databases=[{"name": "shop", "owner": "shop"}])

    assert not result["changed"]
    assert result["actions"] == []
    assert len(server.scripts) == 1


def test_what_is_missing_is_made_in_one_session_more(server: Server) -> None:
    result = server.serve(users=[SHOP], databases=[{"name": "shop", "owner": "shop", "extensions": ["pg_trgm"]}])

    assert result["actions"] == ["create account shop", "create database shop", "create extension pg_trgm in shop"]
    _, made = server.scripts
    lines = made.splitlines()
    order = ["begin;", "create role", "commit;", "create database", "\\connect", "create extension"]
    places = [next(number for number, line in enumerate(lines) if line.startswith(word)) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize(("is_copy", "actions"), [(False, ["create extension pg_stat_statements in postgres"]), (True, [])])
def test_what_shows_the_counted_queries_is_made_in_the_administrators_database(
    server: Server, is_copy: bool, actions: list[str]
) -> None:
    server.has_statements = False
    server.found |= {"in_recovery": is_copy}

    assert server.serve()["actions"] == actions
    assert [script for script in server.scripts if "dbname='postgres'" in script] == server.scripts[1:]


def test_check_mode_says_the_same_and_makes_nothing(server: Server) -> None:
    told = server.serve(check=True, users=[SHOP])

    assert told["actions"] == ["create account shop"]
    assert ["accounts" in entry["after_header"] for entry in told["diff"] if entry["after"] != entry["before"]] == [True]
    assert len(server.scripts) == 1


def test_check_mode_plans_for_a_host_without_a_server(server: Server) -> None:
    Path(f"{server.cluster.programs}/postgres").unlink()

    told = server.serve(check=True, users=[SHOP])

    assert told["actions"] == ["start", "create account shop"]
    assert told["running"] is False
    with pytest.raises(PostgresqlError, match="not installed"):
        server.serve(users=[SHOP])


def test_no_secret_is_on_a_command_line_or_in_the_result(server: Server) -> None:
    result = server.serve(users=[SHOP])

    assert PASSWORD not in str(server.called) + str(server.scripts) + str(result)
    assert "SCRAM-SHA" not in str(server.called) + str(result)


@pytest.mark.parametrize(
    ("database_", "said"),
    [
        ({}, "(?s)can't create database shop: role .* does not exist\n.*restart PostgreSQL"),
        ({"extensions": ["nonsense"]}, "(?s)can't create extension nonsense in shop: .*postgresql_packages.*postgresql-17"),
    ],
)
def test_a_failure_names_the_thing_and_the_remedy(server: Server, database_: dict[str, Any], said: str) -> None:
    server.failure = 'role "nobody" does not exist'
    there = {} if not database_ else {"shop": database()}
    server.found |= {"databases": there}
    users = [SHOP]
    with pytest.raises(PostgresqlError, match=said) as failure:
        server.serve(users=users, databases=[{"name": "shop", "owner": "shop"} | database_])
    assert "SCRAM" not in str(failure.value)


def test_a_copy_is_not_written_to(server: Server) -> None:
    server.found["in_recovery"] = True

    with pytest.raises(PostgresqlError, match=r"follows another one.*create account shop"):
        server.serve(users=[SHOP])
