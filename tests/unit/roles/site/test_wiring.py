"""The wiring is a folder with a file for each role that is fed, so that one knows where to look."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS

from tests.unit.conftest import CHECKOUT, wiring

FOLDER = CHECKOUT / "roles" / "site" / "vars" / "main"
ROLES = {path.name for path in (CHECKOUT / "roles").iterdir()} - {"site"}
# One role's variables may fill two files.
FED = {"environment": "django"}


def names(path: Path) -> list[str]:
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_a_file_holds_what_its_role_is_fed_and_nothing_of_another(path: Path) -> None:
    role = FED.get(path.stem, path.stem if path.stem in ROLES else "site")

    assert [name for name in names(path) if not name.startswith((f"{role}_", "__site_"))] == []


def test_each_variable_stands_in_one_file() -> None:
    everywhere = [name for path in FOLDER.iterdir() for name in names(path)]

    assert sorted(everywhere) == sorted(wiring())


def test_plays_for_all_hosts_leave_it_to_the_tiers_who_that_is() -> None:
    plays = [play for path in (CHECKOUT / "playbooks").glob("*.yml") for play in yaml.safe_load(path.read_text(encoding="utf-8"))]
    patterns = [play["hosts"] for play in plays if "hosts" in play]

    assert sum("hotclub.django.all_tiers" in pattern for pattern in patterns) > 10
    assert [pattern for pattern in patterns if set(TIERS) <= set(pattern.split(":"))] == []
