"""What a deploy does with the database: migrations, and then the commands that are to follow them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter
from ansible_collections.hotclub.django.plugins.module_utils.steps import release_migrate

FAILED = {"type": "RuntimeError", "text": "it can't be applied", "place": "/srv/shop/releases/1/src/shop/x.py:1"}


class Project(Interpreter):
    """A release's own Python, which answers as told."""

    answer: dict[str, Any]
    ran: list[str]

    def __init__(self, site: Site, release: str) -> None:
        self.folder = site.release(release)
        self.hidden = []

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        assert question == "migrate"
        return self.answer

    def run(self, arguments: Any, extra: dict[str, str] | None = None) -> Outcome:
        self.ran.append(" ".join(arguments))
        return Outcome(int("broken" in arguments), "done\n", "")


@pytest.fixture(name="migrated")
def _migrated(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    def migrated(answer: dict[str, Any], *commands: str) -> dict[str, Any]:
        Project.answer, Project.ran = answer, []
        monkeypatch.setattr(release_migrate, "Interpreter", Project)
        params = {
            "name": site.name,
            "root": str(site.root),
            "holder": {},
            "release": "1",
            "lock_timeout_seconds": 10,
            "commands": list(commands),
        }
        return release_migrate.migrate(cast("Call", SimpleNamespace(params=params, check_mode=False)))

    return migrated


def test_commands_follow_the_migrations_in_the_new_release(migrated: Any) -> None:
    result = migrated({"applied": ["shop.0001_initial"], "left": []}, "createcachetable", "loaddata 'first things'")
    assert result["printed"] == ["done", "done"]
    assert Project.ran == ["manage.py createcachetable", "manage.py loaddata first things"]


def test_a_command_that_fails_is_named_with_the_release(migrated: Any) -> None:
    with pytest.raises(Trouble, match=r"(?s)manage\.py broken ended with code 1.*release 1"):
        migrated({"applied": [], "left": []}, "broken")


def test_nothing_follows_a_migration_that_failed(migrated: Any) -> None:
    with pytest.raises(Trouble, match=r"shop\.0002_prices failed\. The database has shop\.0001_initial"):
        migrated({"applied": ["shop.0001_initial"], "left": ["shop.0002_prices"], "failed": FAILED}, "createcachetable")
    assert Project.ran == []


def test_what_fails_after_the_last_migration_is_no_migration(migrated: Any) -> None:
    with pytest.raises(Trouble, match="could not be carried out to their end"):
        migrated({"applied": ["shop.0001_initial"], "left": [], "failed": FAILED})
