"""What the step of backups says and does, in check mode and where there are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process, result_of
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import Backups
from ansible_collections.hotclub.django.plugins.module_utils.steps import postgresql_backups

Take = Callable[..., dict[str, Any]]


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Take:
    """Return a function that takes the step on a host whose backups are those of a site, or of none."""

    def taken(state: str, keeper: str = "shop", check: bool = False, fails: bool = False, **more: Any) -> dict[str, Any]:
        asked: list[str] = []

        def ask(_self: Backups, *words: str) -> dict[str, Any]:
            asked.append(" ".join(words))
            if fails:
                raise Trouble("no room")
            return {}

        monkeypatch.setattr(Backups, "settings", {"site": keeper} if keeper else {})
        monkeypatch.setattr(Backups, "ask", ask)
        process = Process(check_mode=check)
        result = result_of(lambda: postgresql_backups, process, {"state": state, **more}, comparing=False)
        return result | {"asked": asked, "warnings": process.warnings}

    return taken


def test_check_mode_asks_for_nothing(take: Take) -> None:
    for state in ("backup", "drill", "point"):
        assert (found := take(state, check=True, name="before"))["asked"] == [] and found["changed"]


def test_a_backup_and_a_drill_are_refused_where_none_are_made_in_check_mode_too(take: Take) -> None:
    for state in ("backup", "drill"):
        for check in (False, True):
            assert "makes no backups of PostgreSQL" in take(state, keeper="", check=check)["msg"]


def test_a_deploy_goes_on_where_its_moment_can_not_be_named(take: Take) -> None:
    assert take("point", keeper="", name="before", check=True)["changed"] is False
    assert take("point", keeper="", name="before")["changed"] is False
    found = take("point", name="before", fails=True)
    assert not found.get("failed") and not found["changed"] and "no room" in found["warnings"][0]


def test_a_backup_names_its_moment(take: Take) -> None:
    assert take("backup", name="before", kind="diff")["asked"] == ["backup diff", "point before"]
