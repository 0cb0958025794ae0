"""What a database of vulnerabilities says of a release, and what becomes of the deployment."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import audit, software
from ansible_collections.hotclub.django.plugins.module_utils.release.audit import Audit
from ansible_collections.hotclub.django.plugins.module_utils.release.software import Package

from tests.behaviour.kit.vulnerabilities import ALIAS, FIXED, IDENTIFIER, Database

UV = str(Path(sys.executable).with_name("uv"))
PYTHON = ".".join(map(str, sys.version_info[:3]))
OWN = Package("our-library", "1.0", source="git+https://git.example.org/library.git")


@pytest.fixture(name="database")
def _database() -> Iterator[Database]:
    database = Database("127.0.0.1", 0, "django")
    thread = threading.Thread(target=database.serve_forever)
    thread.start()
    yield database
    database.shutdown()
    thread.join()
    database.server_close()


@pytest.fixture(autouse=True)
def _as_ourselves(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, user: str, environment: Mapping[str, str], **more: Any) -> processes.Outcome:
        # Nothing but the stand-in is asked, and nothing waits.
        told = {**environment, "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0", "UV_NO_CACHE": "1"}
        return processes.run(command, environment=told, **more)

    monkeypatch.setattr(audit, "run", run)


def warnings(url: str, mode: str, *ignored: str) -> list[str]:
    packages = [Package("asgiref", "3.8.1"), Package("django", "5.2.1"), OWN]
    index = {"UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple", "UV_PYTHON": sys.executable}
    return Audit(mode, url, ignored).warnings(UV, packages, PYTHON, index, "nobody")


def test_a_known_vulnerability_is_told(database: Database) -> None:
    assert warnings(database.url, "report") == [
        f"django 5.2.1 has {IDENTIFIER}, {ALIAS}: Anybody may do anything (fixed in {FIXED})"
    ]
    assert sorted(database.asked) == ["asgiref 3.8.1", "django 5.2.1"], "what is installed, and from an index, is asked for"


def test_a_known_vulnerability_stops(database: Database) -> None:
    with pytest.raises(Trouble, match="Nothing was changed") as stopped:
        warnings(database.url, "stop")
    assert IDENTIFIER in str(stopped.value) and "site_audit_ignored" in str(stopped.value)


@pytest.mark.parametrize("identifier", [IDENTIFIER, ALIAS])
def test_one_that_was_looked_at_does_not_count(database: Database, identifier: str) -> None:
    assert warnings(database.url, "stop", identifier) == []


def test_a_database_that_does_not_answer_stops_or_is_told() -> None:
    nobody = "http://127.0.0.1:1/"
    with pytest.raises(Trouble, match="Nobody can tell") as stopped:
        warnings(nobody, "stop")
    assert "site_audit_service_url" in str(stopped.value)
    assert "Nobody can tell" in warnings(nobody, "report")[0]


def test_nobody_is_asked_by_default(database: Database) -> None:
    assert warnings(database.url, "off") == []
    assert database.asked == []
    assert software.BILL.endswith(".cdx.json")
