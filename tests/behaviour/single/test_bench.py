"""Each measurement works: in its short form, of which no figure is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import hosts
from bench.__main__ import SERVERS, main

# The wide one has a cluster's hosts, and is tried there.
MEASUREMENTS = (
    "converge",
    "unchanged",
    "deploy",
    "requirements",
    "serving",
    "logging",
    "nochange",
    "redeploy",
    "backups",
    "telling",
)

pytestmark = [pytest.mark.about("site", "django"), pytest.mark.debian13, pytest.mark.long_on_slow]


@pytest.fixture(scope="module", autouse=True)
def _own_hosts() -> Iterator[None]:
    """The measurements start hosts of their own, and leave them to the next one."""
    yield
    for which in {which for name in MEASUREMENTS for which in SERVERS[name].hosts}:
        hosts.remove(which)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_of_servers_works(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Against itself, on the same host: an earlier version has nothing that could stop working.
    main(["--short", "--keep", "--commit", ".", name])
    rows = capsys.readouterr().out.strip().splitlines()[2:]
    assert rows, f"{name} has measured nothing"
