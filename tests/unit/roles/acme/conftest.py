"""The settings of a site as the role writes them down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.acme.client import DIRECTORY, NAMES, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    (tmp_path / "state").mkdir()
    return Settings(
        site="shop",
        names=NAMES,
        email="",
        directory=DIRECTORY,
        authorities="",
        key_type="ecdsa",
        challenge="http",
        challenge_path=str(tmp_path / "challenge"),
        dns_plugin="",
        dns_propagation_seconds=30,
        reachability_check=True,
        certificate_path=str(tmp_path / "served"),
        check_command="true",
        reload_command=f"touch {tmp_path}/reloaded",
        state_path=str(tmp_path / "state"),
    )
