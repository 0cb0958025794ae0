"""What a deploy does with the database: migrations, and then the commands that are to follow them."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, ClassVar, cast

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

    # The last one is given for as long as it is asked for.
    answers: ClassVar[list[dict[str, Any]]]
    ran: ClassVar[list[str]]
    asked: ClassVar[int]
    checked: ClassVar[dict[str, Any]] = {}

    def __init__(self, site: Site, release: str) -> None:
        self.folder = site.release(release)
        self.hidden = []

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        if question == "check":
            return self.checked
        assert question == "migrate" and extra == {"PGOPTIONS": "-c lock_timeout=10000"}
        Project.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def run(self, arguments: Any, extra: dict[str, str] | None = None) -> Outcome:
        self.ran.append(" ".join(arguments))
        return Outcome(int("broken" in arguments), "done\n", "")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture(name="migrated")
def _migrated(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    def migrated(answer: dict[str, Any] | list[dict[str, Any]], *commands: str) -> dict[str, Any]:
        Project.answers, Project.ran, Project.asked = answer if isinstance(answer, list) else [answer], [], 0
        monkeypatch.setattr(release_migrate, "Interpreter", Project)
        params = {
            "name": site.name,
            "root": str(site.root),
            "holder": {},
            "release": "1",
            "lock_timeout_seconds": 10,
            "lock_attempts": 5,
            "lock_pause_seconds": 2,
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


@pytest.mark.parametrize(
    ("checked", "said"),
    [
        ({"errors": ["shop.E001: no prices"]}, "shop.E001: no prices"),
        ({"failed": {"type": "KeyError", "text": "prices", "place": ""}}, "KeyError: prices"),
    ],
)
def test_checks_of_a_first_release_count_once_its_tables_are_there(
    migrated: Any, monkeypatch: pytest.MonkeyPatch, checked: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(Project, "checked", checked)
    first = {"applied": ["shop.0001_initial"], "left": [], "fresh": True}
    with pytest.raises(Trouble, match="own checks find errors") as caught:
        migrated(first, "loaddata prices")
    assert said in str(caught.value) and Project.ran == ["manage.py loaddata prices"]
    monkeypatch.setattr(Project, "checked", {"errors": []})
    assert migrated(first)["changed"]


def test_checks_of_a_later_release_are_not_asked_for_again(migrated: Any) -> None:
    assert migrated({"applied": ["shop.0002_prices"], "left": [], "fresh": False})["changed"]


def test_nothing_follows_a_migration_that_failed(migrated: Any) -> None:
    with pytest.raises(Trouble, match=r"shop\.0002_prices failed\. The database has shop\.0001_initial"):
        migrated({"applied": ["shop.0001_initial"], "left": ["shop.0002_prices"], "failed": FAILED}, "createcachetable")
    assert Project.ran == []


def test_what_fails_after_the_last_migration_is_no_migration(migrated: Any) -> None:
    with pytest.raises(Trouble, match="could not be carried out to their end"):
        migrated({"applied": ["shop.0001_initial"], "left": [], "failed": FAILED})


LOCKED_OUT = {**FAILED, "type": "OperationalError", "text": "canceling statement due to lock timeout"}


def test_a_migration_that_gets_no_lock_is_tried_again_with_growing_pauses(migrated: Any, pauses: list[float]) -> None:
    first = {"applied": ["shop.0001_initial"], "left": ["shop.0002_prices"], "failed": LOCKED_OUT, "whole": True}
    held = {**first, "applied": []}
    result = migrated([first, held, held, {"applied": ["shop.0002_prices"], "left": []}])
    assert result["applied"] == ["shop.0001_initial", "shop.0002_prices"] and result["attempts"] == 4
    assert "at the attempt number 4" in result["warnings"][0]
    assert pauses == [2, 4, 8]


def test_it_ends_and_says_how_long_it_has_tried_and_what_is_applied(migrated: Any, pauses: list[float]) -> None:
    first = {"applied": ["shop.0001_initial"], "left": ["shop.0002_prices"], "failed": LOCKED_OUT, "whole": True}
    with pytest.raises(Trouble, match=r"(?s)has shop\.0001_initial.*10 s, 5 times, for a lock.*site_migration_lock_attempts"):
        migrated([first, {**first, "applied": []}])
    assert pauses == [2, 4, 8, 16] and Project.asked == 5


def test_a_migration_that_may_have_left_something_behind_is_tried_once(migrated: Any, pauses: list[float]) -> None:
    with pytest.raises(Trouble, match="atomic = False is tried once"):
        migrated({"applied": [], "left": ["shop.0002_index"], "failed": LOCKED_OUT, "whole": False})
    assert pauses == [] and Project.asked == 1


def test_a_migration_that_was_long_at_work_is_tried_once(
    migrated: Any, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it did is undone, and the site has waited for it."""
    now = iter(range(0, 10_000, 600))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))
    with pytest.raises(Trouble, match="for a lock"):
        migrated({"applied": [], "left": ["shop.0002_prices"], "failed": LOCKED_OUT, "whole": True})
    assert pauses == [] and Project.asked == 1


def test_another_failure_is_not_tried_again(migrated: Any, pauses: list[float]) -> None:
    with pytest.raises(Trouble, match="failed"):
        migrated({"applied": [], "left": ["shop.0002_prices"], "failed": FAILED, "whole": True})
    assert pauses == [] and Project.asked == 1


class Planning(Project):
    """A release that tells its plan, in a session in which nothing can be changed."""

    def __init__(self, site: Site, release: str) -> None:
        super().__init__(site, release)
        self.environment = {"SECRET_KEY": "s3cret-word"}
        self.hidden = ["s3cret-word"]

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        assert question == "plan" and extra == {"PGOPTIONS": "-c default_transaction_read_only=on"}
        return self.answers[0]


def planned(site: Site, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> dict[str, Any]:
    Project.answers = [answer]
    monkeypatch.setattr(release_migrate, "Interpreter", Planning)
    words = {"python": "/usr/bin/python3", "uv": "/opt/uv/bin/uv", "linter": "squawk-cli==1", "environment": {}, "ignored": []}
    params = {"name": site.name, "root": str(site.root), "holder": {}, "release": "1", **words}
    return release_migrate.plan(cast("Call", SimpleNamespace(params=params, check_mode=False)))


def test_a_plan_that_cannot_be_told_is_remarked_without_secrets(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    told = planned(site, monkeypatch, {"failed": {"type": "RuntimeError", "text": "no\ns3cret-word here", "place": ""}})
    assert told["findings"] == []
    assert told["remarks"] == ["the migrations were not looked through: RuntimeError: no ******** here"]


def test_a_database_without_any_migration_needs_no_squawk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert planned(site, monkeypatch, {"steps": [], "server": 17}) == {"changed": False, "findings": [], "remarks": []}


def test_a_project_that_ends_before_it_tells_its_plan_is_remarked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object) -> dict[str, Any]:
        raise Trouble("The project ended with code 1 before it could be looked at.", detail="s3cret-word")

    monkeypatch.setattr(Planning, "ask", ends)
    (remark,) = planned(site, monkeypatch, {})["remarks"]
    assert "not looked through" in remark and "ended with code 1" in remark and "s3cret" not in remark
