"""A site leaves a server: its database is exported before it is dropped, and what is used by others stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import export
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError


class Server:
    """A server that notes what it is asked, and fails where it is told to."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.asked: list[str] = []

    def __call__(self, command: list[str], data: str | None = None) -> tuple[int, str]:
        words = " ".join(command) + (data or "")
        self.asked.append(words)
        if self.failing and self.failing in words:
            return 1, f"ERROR: no {self.failing}"
        if "pg_dump" in words:
            Path(command[command.index("--file") + 1]).write_text("dump")
        return 0, json.dumps({"bytes": 10, "clients": [], "accounts": ["shop"]})

    def cluster(self, root: Path) -> Cluster:
        return Cluster("17", "main", 5432, self, str(root))


@pytest.fixture(autouse=True)
def nobody_is_chowned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.chown", lambda *arguments: None)


def test_an_export_is_there_only_when_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "backups/shop/database.dump"
    export.export(Server().cluster(tmp_path), "shop", 10, str(path))
    assert path.read_text() == "dump" and path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700

    path.unlink()
    with pytest.raises(PostgresqlError, match="pg_restore"):
        export.export(Server("pg_restore").cluster(tmp_path), "shop", 10, str(path))
    assert not path.exists()


def test_an_export_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    server = Server()
    with pytest.raises(PostgresqlError, match="leave out decommission_data"):
        export.export(server.cluster(tmp_path), "shop", 10**18, str(tmp_path / "shop/database.dump"))
    assert server.asked == []


def test_accounts_that_own_something_else_stay(tmp_path: Path) -> None:
    server = Server('drop role if exists "shop-2"')
    assert export.drop(server.cluster(tmp_path), server, "shop", ["shop", "shop-2"]) == ["shop-2"]


def test_what_a_copy_has_left_beside_the_database_goes_with_it(tmp_path: Path) -> None:
    server = Server()
    export.drop(server.cluster(tmp_path), server, "shop", ["shop"])
    dropping = next(words for words in server.asked if "drop database" in words)
    assert "datname in ('shop-loading', 'shop-before') and pg_get_userbyid(datdba) in ('shop') \\gexec" in dropping


def test_a_database_that_is_used_is_not_dropped(tmp_path: Path) -> None:
    server = Server("drop database")
    with pytest.raises(PostgresqlError, match="once nobody uses it"):
        export.drop(server.cluster(tmp_path), server, "shop", ["shop"])
    assert not any("drop role" in words for words in server.asked)


def test_an_earlier_export_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "database.dump"
    path.write_text("of an earlier departure")
    with pytest.raises(PostgresqlError, match="is not overwritten"):
        export.export(Server().cluster(tmp_path), "shop", 10, str(path))
    assert path.read_text() == "of an earlier departure"
