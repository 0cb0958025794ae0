"""What the ACME client lets be served."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.acme.client import (
    DAY,
    AcmeError,
    issue,
    serving,
)


def test_what_was_issued_is_put_in_place_and_the_web_server_told(settings: Any, tmp_path: Path) -> None:
    now = time.time()
    chain, key = issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    serving.install(settings)
    served = Path(settings.certificate_path)
    assert (served / "fullchain.pem").read_text() == chain and (served / "privkey.pem").read_text() == key
    assert (served / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "reloaded").exists()

    (tmp_path / "reloaded").unlink()
    serving.install(settings)
    assert not (tmp_path / "reloaded").exists()


def test_three_renewals_leave_two_versions(settings: Any) -> None:
    now = time.time()
    for _ in range(3):
        issue(settings, begins=now - DAY, ends=now + 80 * DAY)
        serving.install(settings)
    assert len(list((Path(settings.certificate_path) / "versions").iterdir())) == 2


def test_a_certificate_that_the_web_server_refuses_is_taken_back(settings: Any, tmp_path: Path) -> None:
    now = time.time()
    before, _ = issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    serving.install(settings)
    (tmp_path / "reloaded").unlink()
    issue(settings, begins=now - DAY, ends=now + 80 * DAY)
    with pytest.raises(AcmeError, match="was taken back"):
        serving.install(dataclasses.replace(settings, check_command="false"))
    assert (Path(settings.certificate_path) / "fullchain.pem").read_text() == before
    assert not (tmp_path / "reloaded").exists()
