"""A dump becomes a site's database beside the live one, and takes its name at once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import dump
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.dump import Base

LISTED = """\
;
; Archive created at 2026-11-30 19:00:00 UTC
;     dbname: shop
;     Dumped from database version: 15.14 (Debian 15.14-0+deb12u1)
;     Dumped by pg_dump version: 15.14 (Debian 15.14-0+deb12u1)
;
2; 3079 16385 EXTENSION - pg_trgm 
3405; 0 0 COMMENT - EXTENSION pg_trgm 
5; 2615 2200 SCHEMA - public pg_database_owner
3406; 0 0 COMMENT - SCHEMA public pg_database_owner
6; 2615 16400 SCHEMA - public_data shop
214; 1259 16390 TABLE public django_migrations shop
3400; 0 16390 TABLE DATA public django_migrations shop
3500; 3466 16999 EVENT TRIGGER - watches postgres
"""  # noqa: W291 - as pg_restore writes it
BASE = Base(exists=True, major=15, owner="shop", encoding="UTF8", collate="C.UTF-8", ctype="C.UTF-8", bytes=10)


class Server:
    """A server that notes what it is asked, and fails where it is told to."""

    def __init__(self, failing: str = "", times: int = 10**6) -> None:
        self.failing, self.times = failing, times
        self.asked: list[str] = []
        self.others: list[list[str]] = []
        self.filled = True

    def __call__(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        words = " ".join(command) + (data or "")
        self.asked.append(words)
        if self.failing and self.failing in words and self.times:
            self.times -= 1
            return 1, f"psql:<stdin>:1: ERROR:  no {self.failing}\nDETAIL:  Key (email)=(ada@example.org) already exists."
        if "--list" in words:
            return 0, LISTED
        if "jsonb_build_object" in words:
            base = {name: getattr(BASE, name) for name in ("owner", "encoding", "collate", "ctype", "connection_limit", "bytes")}
            found = {"follows": False, "major": 15, "admits": True, "others": self.others, "base": base | {"identity": "7/1"}}
            return 0, f"answer: {json.dumps(found)}\n"
        return 0, f"answer: {json.dumps(self.filled)}\n" if "answer: " in words else ""

    def cluster(self, root: Path) -> Cluster:
        (root / "var/lib/postgresql/15/main").mkdir(parents=True, exist_ok=True)
        return Cluster("15", "main", 5432, self, str(root))

    def told(self, *words: str) -> bool:
        return any(all(word in asked for word in words) for asked in self.asked)


@pytest.fixture(autouse=True)
def nobody_is_chowned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.chown", lambda *arguments: None)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "file"
    path.write_text("dump")
    return str(path)


def test_a_server_says_what_it_has(tmp_path: Path) -> None:
    server = Server()
    base = dump.look(server.cluster(tmp_path), server, "shop")
    assert base == dataclasses.replace(BASE, is_filled=True, admits=True, identity="7/1")


def test_a_dump_is_made_behind_what_serves_and_read_at_once(tmp_path: Path) -> None:
    server = Server()
    dump.dump(server.cluster(tmp_path), "shop", 10, str(tmp_path / "file"))
    assert server.told("nice -n 19", "pg_dump --format=custom")
    assert server.told("pg_restore --list")
    with pytest.raises(PostgresqlError, match="ansible_remote_tmp"):
        dump.dump(server.cluster(tmp_path), "shop", 10**18, str(tmp_path / "file"))


def test_what_a_database_has_by_itself_is_not_loaded() -> None:
    assert dump.extensions(LISTED) == ["pg_trgm"]
    left = [line for line in dump.wanted(LISTED) if line and not line.startswith(";")]
    assert [line.split(" ", 3)[3] for line in left] == [
        "SCHEMA - public_data shop",
        "TABLE public django_migrations shop",
        "TABLE DATA public django_migrations shop",
    ]


def test_a_dump_is_loaded_beside_the_live_database_as_its_owner(tmp_path: Path, file: str) -> None:
    server = Server()
    dump.load(server.cluster(tmp_path), server, "shop", BASE, file, 0)
    assert server.told('create database "shop-loading" owner "shop" encoding \'UTF8\'')
    assert server.told('create extension if not exists "pg_trgm"')
    assert server.told("--dbname shop-loading", "--role=shop", "--no-privileges", "--no-subscriptions")
    assert not server.told('"shop-loading" with (force)')


def test_what_an_interrupted_run_has_left_goes_first(tmp_path: Path, file: str) -> None:
    server = Server()
    base = dataclasses.replace(BASE, others=(("shop-loading", "shop"),))
    dump.load(server.cluster(tmp_path), server, "shop", base, file, 0)
    assert server.told('drop database if exists "shop-loading" with (force)')


def test_the_database_of_somebody_else_is_never_dropped(tmp_path: Path, file: str) -> None:
    server = Server()
    base = dataclasses.replace(BASE, others=(("shop-loading", "ada"),))
    with pytest.raises(PostgresqlError, match="belongs to ada"):
        dump.load(server.cluster(tmp_path), server, "shop", base, file, 0)
    assert not server.told("drop database") and not server.told("create database")


@pytest.mark.parametrize("failing", ["pg_restore --exit-on-error", "create extension"])
def test_nothing_is_left_of_a_dump_that_cant_be_loaded(tmp_path: Path, file: str, failing: str) -> None:
    server = Server(failing)
    server.others = [["shop-loading", "shop"]]
    with pytest.raises(PostgresqlError) as error:
        dump.load(server.cluster(tmp_path), server, "shop", BASE, file, 0)
    assert "drop database" in server.asked[-1], server.asked
    assert "ada@example.org" not in str(error.value)


def test_a_dump_that_cant_be_taken_is_refused_before_anything_changes(tmp_path: Path, file: str) -> None:
    for server, base, complaint in (
        (Server("--list"), BASE, "can't be read"),
        (Server(), dataclasses.replace(BASE, major=14), 'postgresql_version: "15"'),
    ):
        with pytest.raises(Refusal, match=complaint):
            dump.load(server.cluster(tmp_path), server, "shop", base, file, 0)
        assert not server.told("create database")
    server = Server()
    with pytest.raises(PostgresqlError, match="Make room"):
        dump.load(server.cluster(tmp_path), server, "shop", BASE, file, 10**18)
    assert not server.told("create database")


def test_statements_scrub_as_the_owner_and_all_or_none(tmp_path: Path) -> None:
    server = Server()
    dump.scrub(server.cluster(tmp_path), server, "shop", BASE, "delete from django_session")
    assert server.told("dbname='shop-loading'", 'set role "shop";\nbegin;\ndelete from django_session\n;\ncommit;', "analyze;")
    failing = Server("delete")
    with pytest.raises(PostgresqlError, match="site_scrub_sql") as error:
        dump.scrub(failing.cluster(tmp_path), failing, "shop", BASE, "delete from django_session")
    assert "ada@example.org" not in str(error.value)


def test_databases_are_exchanged_in_one_step_once_nobody_uses_them(tmp_path: Path) -> None:
    server = Server("rename", times=2)
    dump.exchange(server.cluster(tmp_path), server, "shop", BASE, pause=lambda seconds: None)
    exchanges = [asked for asked in server.asked if "rename" in asked]
    assert len(exchanges) == 3
    order = ["pg_terminate_backend", "begin;", '"shop" rename to "shop-before"', '"shop-loading" rename to "shop"', "commit;"]
    places = [exchanges[0].index(word) for word in order]
    assert places == sorted(places)


def test_a_database_that_somebody_does_not_leave_stays_as_it_was(tmp_path: Path) -> None:
    server, times = Server("rename"), iter(range(0, 1000, 4))
    with pytest.raises(PostgresqlError, match="pg_stat_activity"):
        dump.exchange(server.cluster(tmp_path), server, "shop", BASE, clock=lambda: next(times), pause=lambda seconds: None)
    assert 'alter database "shop" connection limit -1;' in server.asked[-1]
