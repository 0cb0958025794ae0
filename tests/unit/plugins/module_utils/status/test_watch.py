"""A look from its problems to what is told, remembered and shown in the status."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import watch as program
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import NotToldError
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Watch, look_at_watch

MAIL, HOOK, LIFE = "mailtos://ops:s3cret@example.org", "jsons://hooks.example.org/t0k3n", "https://life.example/h34rt"


class Outside:
    """Those who are told, and the watcher outside."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.down: set[str] = set()
        self.said: list[tuple[str, str, str]] = []
        self.beats = 0
        monkeypatch.setattr(program, "tell", self.tell)
        monkeypatch.setattr(program, "ask_for", self.ask_for)

    def tell(self, url: str, title: str, text: str) -> None:
        if url in self.down:
            raise NotToldError("it was not taken")
        self.said.append((url, title, text))

    def ask_for(self, url: str) -> None:
        if url in self.down:
            raise NotToldError("it answers 404")
        self.beats += 1


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    return Outside(monkeypatch)


@pytest.fixture
def look() -> Callable[..., dict[str, Any]]:
    """Return a function that looks once, and remembers."""
    known: dict[str, Any] = {}

    def once(*problems: str, urls: tuple[str, ...] = (MAIL, HOOK)) -> dict[str, Any]:
        nonlocal known
        wanted = {"look": {"name": "shop"}, "host": "web1", "urls": list(urls), "heartbeat_url": LIFE, "after_looks": 2}
        known = json.loads(json.dumps(program.turn(wanted, known, list(problems))))
        return known

    return once


def test_everybody_is_told_once_and_what_fails_is_tried_again(outside: Outside, look: Callable[..., dict[str, Any]]) -> None:
    look()
    assert [title for _url, title, _text in outside.said] == ["shop on web1: is watched"] * 2
    outside.said.clear()
    outside.down = {MAIL}
    look("nginx is inactive")
    state = look("nginx is inactive")
    assert [url for url, *_ in outside.said] == [HOOK]
    assert state["untold"] == {"telling number 1 of site_alert_urls (mailtos)": "it was not taken"}
    outside.down = set()
    assert look("nginx is inactive")["untold"] == {}
    look("nginx is inactive")
    assert [url for url, *_ in outside.said] == [HOOK, MAIL]
    assert "s3cret" not in json.dumps(state) and "t0k3n" not in json.dumps(state) and "h34rt" not in json.dumps(state)


def test_the_sign_of_life_ends_with_trouble_and_with_what_nobody_could_be_told(
    outside: Outside, look: Callable[..., dict[str, Any]]
) -> None:
    look()
    look("nginx is inactive")
    assert outside.beats == 2, "a trouble that has not lasted is none"
    look("nginx is inactive")
    look()
    assert outside.beats == 2, "it is over when it has been so for as many looks"
    look()
    assert outside.beats == 3
    outside.down = {MAIL}
    look("nginx is inactive")
    look("nginx is inactive")
    look()
    look()
    assert outside.beats == 5
    outside.down = {LIFE}
    assert look()["untold"] == {program.HEARTBEAT: "it answers 404"}


def test_the_sign_of_life_ends_where_something_else_is_wrong_at_each_look(
    outside: Outside, look: Callable[..., dict[str, Any]]
) -> None:
    look()
    for _ in range(3):
        look("nginx is inactive")
        look("PostgreSQL does not follow")
    assert outside.beats == 2
    look()
    assert outside.beats == 3


def test_a_sign_of_life_alone_tells_nobody(outside: Outside, look: Callable[..., dict[str, Any]]) -> None:
    look("nginx is inactive", urls=())
    look("nginx is inactive", urls=())
    assert (outside.said, outside.beats) == ([], 1)


def test_a_host_that_cannot_be_looked_at_is_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_wanted: object) -> dict[str, Any]:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(program, "look_at_host", fails)
    assert program.problems_of({}) == ["the host can't look at itself (RuntimeError: no such thing)"]


@pytest.mark.parametrize(("age", "told"), [(None, 2), (30, 1), (100_000, 2)])
def test_what_a_deploy_is_about_is_no_trouble_while_it_lives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, age: float | None, told: int
) -> None:
    site = Site.at("shop", str(tmp_path))
    if age is not None:
        site.lock_file.write_text(json.dumps({"run": "1", "user": "ada"}))
        at = time.time() - age
        os.utime(site.lock_file, (at, at))
    found = {"problems": ["nginx is inactive", "2 waits for its turn"], "unsettled": ["2 waits for its turn"]}
    monkeypatch.setattr(program, "look_at_host", lambda _wanted: found)
    assert len(program.problems_of({"name": "shop", "root": str(tmp_path)})) == told


def shown(root: Path, settings: dict[str, Any] | None, state: dict[str, Any]) -> dict[str, Any]:
    watch = Watch("shop", root)
    for path, said in ((watch.settings, settings), (watch.state, state)):
        path.parent.mkdir(parents=True)
        if said is not None:
            path.write_text(json.dumps(said))
    status: dict[str, Any] = {"problems": [], "remarks": []}
    look_at_watch(Site.at("shop", "/srv/shop"), status, root)
    return status


SETTINGS = {"urls": [MAIL], "interval_minutes": 5}


def test_the_status_says_what_was_not_told_and_when_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: 86400.0)
    status = shown(tmp_path / "a", SETTINGS, {"looked": time.time(), "untold": {"telling x": "it was not taken"}})
    assert status["problems"] == ["telling x fails: it was not taken"]
    assert "s3cret" not in json.dumps(status)
    status = shown(tmp_path / "b", SETTINGS, {"looked": time.time() - 3600, "untold": {}})
    assert "nobody has looked for trouble here for 60 minutes" in status["problems"][0]
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: 60.0)
    assert shown(tmp_path / "e", SETTINGS, {"looked": time.time() - 3600, "untold": {}})["problems"] == []
    assert shown(tmp_path / "c", SETTINGS, {})["problems"] == []
    assert "watch" not in shown(tmp_path / "d", None, {})
