"""An upgrade to another major version: which of two servers counts, what is left to do, and what is in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import upgrade
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.upgrade import UNFINISHED, Upgrade
from ansible_collections.hotclub.django.plugins.module_utils.steps import postgresql_upgrade as step

PROBLEMS = Upgrade.problems
SOUND: dict[str, Any] = {
    "in_recovery": False,
    "tablespaces": [],
    "bytes": 10_000_000,
    "free_bytes": 10**12,
    "databases": {"shop": 12},
}


def server(root: Path, version: str, start: str, unfinished: bool = False) -> None:
    """Lay down what is left of a server on a host."""
    configuration, data = root / f"etc/postgresql/{version}/main", root / f"var/lib/postgresql/{version}/main"
    for folder in (configuration, data):
        folder.mkdir(parents=True)
    (configuration / "postgresql.conf").touch()
    (configuration / "start.conf").write_text(f"# As Debian has it.\n{start}\n", encoding="utf-8")
    (data / "postmaster.opts").touch()
    if unfinished:
        (configuration / UNFINISHED).touch()


def plan(root: Path, **said: Any) -> dict[str, Any]:
    wanted = {"do": "upgrade", "site": "shop", "new": "17", "cluster": "main", "port": 5432, "others_allowed": False, **said}
    return step.plan(wanted, str(root))


@pytest.fixture(autouse=True)
def nothing_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upgrade, "problems", lambda *_: iter(()))
    monkeypatch.setattr(Upgrade, "packages", lambda _: ["postgresql-17-pgvector"])
    monkeypatch.setattr(Upgrade, "lost_by_return", lambda _: {"since": "noon", "databases": "shop"})


def test_the_server_that_starts_with_the_host_is_upgraded(tmp_path: Path) -> None:
    server(tmp_path, "15", "auto")

    told = plan(tmp_path)

    assert (told["step"], told["old"], told["new"], told["packages"]) == ("upgrade", "15", "17", ["postgresql-17-pgvector"])


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        # Interrupted before the new one was complete: it is thrown away.
        ([("15", "auto", False), ("17", "manual", True)], "upgrade"),
        # Between the two files that say which of them starts.
        ([("15", "disabled", False), ("17", "manual", True)], "finish"),
        ([("15", "disabled", False), ("17", "auto", True)], "finish"),
        ([("15", "disabled", False), ("17", "auto", False)], "nothing"),
    ],
)
def test_an_interrupted_run_is_taken_up_where_it_ended(
    tmp_path: Path, servers: list[tuple[str, str, bool]], expected: str
) -> None:
    for version, start, unfinished in servers:
        server(tmp_path, version, start, unfinished)

    told = plan(tmp_path)

    assert (told["step"], told["old"]) == (expected, "15")


@pytest.mark.parametrize(
    ("servers", "said", "complaint"),
    [
        ([], {}, "no cluster.*of which none"),
        ([("15", "auto"), ("17", "auto")], {}, "15/main, 17/main, of which several"),
        ([("15", "disabled"), ("17", "disabled")], {}, "upgrade_do=back ends it"),
        ([("18", "auto")], {}, "18 serves on .* newer than 17"),
        ([("15", "auto")], {"do": "back"}, "no PostgreSQL that an upgrade has left behind"),
        ([("15", "auto")], {"do": "confirm"}, "no PostgreSQL that an upgrade has left behind"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, servers: list[tuple[str, str]], said: dict[str, Any], complaint: str
) -> None:
    for version, start in servers:
        server(tmp_path, version, start)

    with pytest.raises(PostgresqlError, match=f"(?s){complaint}"):
        plan(tmp_path, **said)


def test_the_way_back_leads_to_what_was_left_and_can_be_taken_up_again(tmp_path: Path) -> None:
    server(tmp_path, "15", "disabled")
    server(tmp_path, "17", "auto")
    expected = {
        "step": "back",
        "old": "15",
        "new": "17",
        "problems": [],
        "packages": [],
        "lost": {"since": "noon", "databases": "shop"},
    }
    assert plan(tmp_path, do="back", new="") == expected

    (tmp_path / "etc/postgresql/17/main/start.conf").write_text("disabled\n", encoding="utf-8")
    assert plan(tmp_path, do="back", new="") == expected

    # Done, up to what follows.
    (tmp_path / "etc/postgresql/15/main/start.conf").write_text("auto\n", encoding="utf-8")
    told = plan(tmp_path, do="back", new="")
    assert (told["step"], told["old"], told["new"]) == ("returned", "15", "17")


def test_confirmation_removes_whichever_does_not_serve(tmp_path: Path) -> None:
    server(tmp_path, "15", "auto")
    server(tmp_path, "17", "disabled")

    told = plan(tmp_path, do="confirm", new="")

    assert (told["step"], told["old"], told["new"]) == ("confirm", "17", "15")


def test_packages_that_nobody_needs_are_those_of_the_version(tmp_path: Path) -> None:
    listed = (
        "postgresql-15 ii \npostgresql-client-15 ii \npostgresql-15-pgvector ii \npostgresql-17 ii \n"
        "postgresql-common ii \npostgresql-153 ii \npostgresql-15-postgis-3 un \n"
    )

    def run(command: list[str]) -> tuple[int, str]:
        return 0, listed if command[0] == "dpkg-query" else ""

    old, new = (Cluster(version, "main", 5432, run, str(tmp_path)) for version in ("15", "17"))

    told = Upgrade(old, new, Backups(lambda *_, **__: Outcome(0))).confirm()

    assert told == {"packages": ["postgresql-15", "postgresql-15-pgvector", "postgresql-client-15"]}


def test_of_what_pg_upgrade_says_the_lines_that_tell_something_are_shown() -> None:
    said = (
        "Checking cluster versions          ok\nChecking for reg* data types        fatal\n\nYour installation contains them.\n"
    )

    assert upgrade.telling(said) == "Checking for reg* data types        fatal\nYour installation contains them."


def test_two_runs_never_exchange_servers_at_the_same_time(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with (
        upgrade.alone(0, path),
        pytest.raises(PostgresqlError, match=r"under way on .* already"),
        upgrade.alone(0, path),
    ):
        pass
    with upgrade.alone(0, path):
        pass


@pytest.mark.parametrize(
    ("seen", "answers", "said"),
    [
        ({}, {}, ""),
        ({"in_recovery": True}, {}, "Upgrade that one"),
        ({"tablespaces": ["fast"]}, {}, "(fast)"),
        ({"free_bytes": 10**9}, {}, "needs 1034 MiB"),
        ({}, {"pg_replication_slots": '["copy"]'}, "(copy)"),
        ({}, {"pg_prepared_xacts": "2"}, "prepared transactions"),
        ({}, {"pg_conf_load_time": '{"overruling": ["work_mem"]}'}, "ALTER SYSTEM has set work_mem"),
        ({}, {"from pg_extension": '["plpgsql", "hstore", "own"]'}, "extension own"),
    ],
)
def test_what_is_in_the_way_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: dict[str, Any], answers: dict[str, str], said: str
) -> None:
    server(tmp_path, "15", "auto")
    monkeypatch.setattr("ansible_collections.hotclub.django.plugins.module_utils.postgresql.move.view", lambda _: SOUND | seen)
    known = {
        "pg_replication_slots": "[]",
        "pg_prepared_xacts": "0",
        "pg_conf_load_time": '{"overruling": []}',
        "datallowconn": '["shop"]',
        "from pg_extension": '["plpgsql"]',
        "hstore.control": "postgresql-15: /usr/share/postgresql/15/extension/hstore.control",
        **answers,
    }

    def run(command: list[str]) -> tuple[int, str]:
        line = " ".join(command)
        return 0, next((answer for part, answer in known.items() if part in line), "")

    old, new = (Cluster(version, "main", 5432, run, str(tmp_path)) for version in ("15", "17"))
    backups = Backups(lambda *_, **__: Outcome(0), str(tmp_path))

    problems = list(PROBLEMS(Upgrade(old, new, backups), "shop", False))

    assert len(problems) == bool(said), problems
    assert said in "".join(problems)


def test_other_sites_of_the_server_are_named_and_may_be_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing.parts_of", lambda *_: ["blog", "shop"]
    )
    old, new = (Cluster(version, "main", 5432, lambda _: (0, ""), str(tmp_path)) for version in ("15", "17"))
    found = Upgrade(old, new, Backups(lambda *_, **__: Outcome(0), str(tmp_path)))

    [problem] = found._problems_of_sites("shop", False, ["blog", "shop"])

    assert "too: blog (databases blog, shop)" in problem
    assert "upgrade_others=true" in problem
    assert not list(found._problems_of_sites("shop", True, ["blog", "shop"]))
