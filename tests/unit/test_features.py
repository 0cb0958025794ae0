"""The table of features names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "features.md"
ROW = re.compile(r"^\| (?P<feature>.+?) \| (?P<verdict>yes|partly|not yet) \| ?(?P<proof>.*?) ?\|$")
NAMED = re.compile(r"`(?P<file>(?:behaviour|unit)/[\w/]+\.py)::(?P<test>\w+)`")


def rows() -> list[re.Match[str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    found = [(line, ROW.match(line)) for line in lines if not line.startswith("| feature ")]
    broken = [line for line, match in found if match is None]
    assert broken == [], "neither yes, partly nor not yet"
    return [match for _, match in found if match]


def test_every_named_test_exists() -> None:
    missing = [
        named[0] for row in rows() for named in NAMED.finditer(row["proof"]) if not has_test(TESTS / named["file"], named["test"])
    ]

    assert missing == []


def test_every_yes_has_a_proof() -> None:
    # What is true of the tests as a whole has the command that runs them.
    unproved = [row["feature"] for row in rows() if row["verdict"] == "yes" and "`" not in row["proof"]]

    assert unproved == []


def has_test(file: Path, name: str) -> bool:
    return file.is_file() and re.search(rf"^\s*def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE) is not None
