"""A server that gives no answer is told apart from one that isn't there."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.status import database
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_database


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
