"""A look from its problems to what is told, remembered and shown in the status."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import watch as program
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import NotToldError
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Memory, Watch, look_at_watch

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


WANTED: dict[str, Any] = {
    "look": {},
    "host": "web1",
    "urls": [MAIL, HOOK],
    "heartbeat_url": LIFE,
    "after_looks": 2,
    "deploys": False,
}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """Return the watch of a host that has what systemd makes for it."""
    watch = Watch("shop", tmp_path)
    for folder in (watch.state.parent, watch.spare.parent, watch.settings.parent):
        folder.mkdir(parents=True)
    return watch


@pytest.fixture
def look(watch: Watch) -> Callable[..., dict[str, Any]]:
    """Return a function that looks once, and returns what was remembered."""

    def once(*problems: str, urls: tuple[str, ...] = (MAIL, HOOK)) -> dict[str, Any]:
        memory = Memory(watch)
        program.turn("shop", {**WANTED, "urls": list(urls)}, memory, [*problems, *memory.problems])
        return Memory(watch).known

    return once


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Return the folders that take nothing any more, to be filled."""
    full: set[Path] = set()
    put = files.put

    def refuses(path: Path, *more: Any) -> None:
        if path.parent in full:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(path, *more)

    monkeypatch.setattr(files, "put", refuses)
    return full


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


def test_a_full_disk_is_told_once_and_what_was_told_is_not_told_again(
    outside: Outside, look: Callable[..., dict[str, Any]], watch: Watch, disk: set[Path]
) -> None:
    look(urls=(MAIL,))
    outside.said.clear()
    beats = outside.beats
    disk.add(watch.state.parent)
    for _ in range(5):
        look("nginx is inactive", urls=(MAIL,))
    assert [text for _url, _title, text in outside.said] == [
        "nginx is inactive",
        f"what was told can't be kept in {watch.state.parent}, and is forgotten at the next start of the host: make room there",
    ]
    for _ in range(3):
        look(urls=(MAIL,))
    assert outside.said[2][2] == "Over: nginx is inactive" and len(outside.said) == 3
    assert outside.beats == beats, "a sign of life of a host that can't remember"
    disk.clear()
    for _ in range(3):
        look(urls=(MAIL,))
    assert "Over: what was told" in outside.said[3][2] and not watch.spare.exists()
    assert outside.beats == beats + 1


def test_nobody_is_told_what_nothing_remembers(
    outside: Outside, look: Callable[..., dict[str, Any]], watch: Watch, disk: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    outside.said.clear()
    disk |= {watch.state.parent, watch.spare.parent}
    watch.settings.write_text(json.dumps(WANTED))
    monkeypatch.setattr("sys.argv", ["watch", "shop"])
    monkeypatch.setattr(program, "Watch", lambda _site: watch)
    with pytest.raises(SystemExit, match=r"can't be remembered: .*No space left"):
        program.main()
    assert (outside.said, outside.beats) == ([], 1)


def test_what_was_told_is_remembered_before_the_next_one_is_told(
    outside: Outside, look: Callable[..., dict[str, Any]], watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(url: str, title: str, text: str) -> None:
        if url == HOOK:
            raise KeyboardInterrupt
        outside.said.append((url, title, text))

    monkeypatch.setattr(program, "tell", ends)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            look()
    assert [url for url, *_ in outside.said] == [MAIL]


@pytest.mark.parametrize(
    "state",
    [
        "[]",
        "{",
        '{"troubles": []}',
        '{"troubles": {"x": {"text": "x"}}, "listeners": ["y"]}',
        '{"troubles": {"x": {"text": "x", "since": "never"}}}',
        '{"troubles": {}, "listeners": 3}',
    ],
)
def test_what_cannot_be_read_begins_anew(outside: Outside, look: Callable[..., dict[str, Any]], watch: Watch, state: str) -> None:
    watch.state.write_text(state)
    look()
    assert [title for _url, title, _text in outside.said] == ["shop on web1: is watched"] * 2


def test_what_another_version_knows_besides_does_no_harm(
    outside: Outside, look: Callable[..., dict[str, Any]], watch: Watch
) -> None:
    look("nginx is inactive")
    state = json.loads(watch.state.read_text())
    next(iter(state["troubles"].values()))["severity"] = 3
    watch.state.write_text(json.dumps({**state, "format": 7}))
    outside.said.clear()
    look("nginx is inactive")
    assert [title for _url, title, _text in outside.said] == ["shop on web1: trouble"] * 2


def test_settings_that_cannot_be_read_end_the_look_with_one_line(
    outside: Outside, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["watch", "shop"])
    monkeypatch.setattr(program, "Watch", lambda _site: watch)
    watch.settings.write_text("{")
    with pytest.raises(SystemExit, match="can't be read, so nobody is told"):
        program.main()
    watch.settings.write_text(json.dumps({"urls": [MAIL], "colour": "red", "after_looks": None}))
    program.main()
    program.main()
    assert "can't look at itself" in outside.said[1][2] and len(outside.said) == 2


def test_a_host_that_cannot_be_looked_at_is_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_wanted: object, _take: object) -> dict[str, Any]:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(program, "look_at_host", fails)
    assert program.look({})[1] == ["the host can't look at itself (RuntimeError: no such thing)"]


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
    monkeypatch.setattr(program, "look_at_host", lambda _wanted, _take: found)
    assert len(program.look({"name": "shop", "root": str(tmp_path)})[1]) == told


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
    assert "can't be read, so nobody is told" in shown(tmp_path / "f", {}, {})["problems"][0]
    assert shown(tmp_path / "g", SETTINGS, {"looked": "never", "untold": ["x"]})["problems"] == []
