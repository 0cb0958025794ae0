"""Migrations are named that a database lacks, or that a release does not know; and databases that don't answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import application
from ansible_collections.hotclub.django.plugins.module_utils.status.application import look_at_migrations
from ansible_collections.hotclub.django.plugins.module_utils.steps import release_switch


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return a function that lets every release's interpreter give an answer."""

    class Interpreter:
        hidden = ("s3cret-word",)

        def __init__(self, *_: object) -> None:
            pass

        def ask(self, _question: str, _extra: dict[str, str] | None = None) -> dict[str, Any]:
            return given

    given: dict[str, Any] = {}
    for module in (application, release_switch):
        monkeypatch.setattr(module, "Interpreter", Interpreter)
    return given.update


DOWN = {"failed": {"type": "RuntimeError", "text": "the database reports: s3cret-word was refused", "place": ""}}


def test_a_database_that_does_not_answer_is_no_good_sign(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering(DOWN)
    status: dict[str, Any] = {"problems": []}
    look_at_migrations(site, "1", status)
    assert "pending_migrations" not in status
    assert "the database reports: ******** was refused" in status["problems"][0]


def test_migrations_of_every_database_are_pending(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering({"pending": ["shop.0002_prices", "shop.0002_prices in reports"]})
    status: dict[str, Any] = {"problems": []}
    look_at_migrations(site, "1", status)
    assert len(status["pending_migrations"]) == 2
    assert "shop.0002_prices in reports" in status["problems"][0]


def test_a_mail_server_that_takes_no_mail_is_trouble(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering({"pending": [], "mail": ["mail: smtp.example.net:587 takes no mail of this site: s3cret-word"]})
    status: dict[str, Any] = {"problems": []}
    look_at_migrations(site, "1", status)
    assert status["problems"] == ["mail: smtp.example.net:587 takes no mail of this site: ********"]


def test_nobody_goes_back_past_a_database_that_cannot_be_asked(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering(DOWN)
    with pytest.raises(Trouble, match="rollback_ignore_migrations"):
        release_switch.refuse_newer_database(site, "1")


def test_going_back_names_the_database_that_is_too_new(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering({"pending": [], "unknown": ["shop.0002_prices in reports"]})
    with pytest.raises(Trouble, match="--database=reports"):
        release_switch.refuse_newer_database(site, "1")


class Fleet:
    """Releases of a host: the old one lacks migrations of which the newest says what they do."""

    told: ClassVar[dict[str, Any]]

    def __init__(self, _site: Site, release: str) -> None:
        self.release = release
        self.hidden = ()

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        if question == "migrations":
            assert self.release == "1"
            return {"pending": [], "unknown": ["shop.0002_note", "shop.0003_old"]}
        assert question == "additive" and self.release == "3"
        assert extra == {"SITE_MIGRATIONS": '["shop.0002_note", "shop.0003_old"]'}
        return self.told


@pytest.fixture
def rolled_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[str]]:
    def rolled_back(told: dict[str, Any]) -> list[str]:
        Fleet.told = told
        monkeypatch.setattr(release_switch, "Interpreter", Fleet)
        monkeypatch.setattr(Site, "runnable", lambda _site: ["1", "2", "3"])
        return release_switch.refuse_newer_database(site, "1")

    return rolled_back


def test_a_database_that_only_has_more_lets_an_older_release_serve(rolled_back: Callable[[dict[str, Any]], list[str]]) -> None:
    (note,) = rolled_back({"additive": ["shop.0002_note", "shop.0003_old"], "other": [], "unknown": []})
    assert "shop.0002_note, shop.0003_old" in note and "may serve" in note


@pytest.mark.parametrize("told", [{"additive": ["shop.0002_note"], "other": ["shop.0003_old"]}, {"failed": {"type": "KeyError"}}])
def test_whatever_else_it_has_is_named_with_the_way_back(
    rolled_back: Callable[[dict[str, Any]], list[str]], told: dict[str, Any]
) -> None:
    with pytest.raises(Trouble, match=r"shop\.0003_old\. Nothing was changed.*\n.*migrate shop <the migration before>"):
        rolled_back(told)
