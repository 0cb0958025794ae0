"""A server that gives no answer is told apart from one that isn't there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.status import database
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_database, remarks_on_upgrade


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (subprocess.TimeoutExpired("psql", 30), "PostgreSQL: no answer within 30 s"),
        (FileNotFoundError("psql"), "PostgreSQL is not installed (psql it is)"),
    ],
)
def test_no_answer_is_no_missing_server(monkeypatch: pytest.MonkeyPatch, cause: Exception, said: str) -> None:
    def run(*_command: object, timeout: float, **_more: object) -> Outcome:
        assert timeout <= 30
        raise Trouble("psql it is") from cause

    monkeypatch.setattr(database, "run", run)
    status: dict[str, Any] = {"problems": []}
    look_at_database("shop", status)
    assert status["problems"] == [said]


def test_a_server_that_an_upgrade_has_left_behind_is_told_until_somebody_confirms(tmp_path: Path) -> None:
    for version, start in (("15", "disabled"), ("17", "auto")):
        configuration, data = tmp_path / f"etc/postgresql/{version}/main", tmp_path / f"var/lib/postgresql/{version}/main"
        for folder, name in ((configuration, "postgresql.conf"), (data, "postmaster.opts")):
            folder.mkdir(parents=True)
            (folder / name).touch()
        (configuration / "start.conf").write_text(f"{start}\n", encoding="utf-8")

    [told] = remarks_on_upgrade(str(tmp_path))

    assert "PostgreSQL 17 serves" in told
    assert "postgresql/15/main" in told
    assert "upgrade_do=confirm" in told

    # As on a host that the database has moved away from.
    (tmp_path / "etc/postgresql/17/main/postgresql.conf").unlink()
    assert remarks_on_upgrade(str(tmp_path)) == []
