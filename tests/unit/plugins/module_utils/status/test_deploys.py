"""Who is told which releases have begun to serve, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import watch as program
from ansible_collections.hotclub.django.plugins.module_utils.status import watched
from ansible_collections.hotclub.django.plugins.module_utils.status.deploys import Deploys
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import NotToldError
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Memory, Watch, look_at_once

from tests.unit.plugins.module_utils.releases import NEW, OLD

HOOK, MAIL = "jsons://hooks.example.org/t0k3n", "mailtos://ops:s3cret@example.org"


def served(site: Site, release: str, at: str, action: str = "deploy") -> None:
    site.remember({"at": at, "release": release, "action": action, "by": "ada on laptop"})


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    watch = Watch("shop", tmp_path)
    for folder in (watch.state.parent, watch.spare.parent, watch.settings.parent):
        folder.mkdir(parents=True)
    return watch


def look(site: Site, watch: Watch, monkeypatch: pytest.MonkeyPatch, *urls: str, down: str = "", tells: bool = True) -> list[Any]:
    """Look once, and return what was told of releases."""
    said = []

    def tell(url: str, title: str, text: str) -> None:
        if url == down:
            raise NotToldError("it was not taken")
        if " on web1: " not in title:
            said.append((url, title, text))

    monkeypatch.setattr(program, "tell", tell)
    wanted = {
        "look": {"name": site.name, "root": str(site.root)},
        "host": "web1",
        "urls": list(urls),
        "heartbeat_url": "",
        "after_looks": 2,
        "deploys": tells,
    }
    program.turn(site.name, wanted, Memory(watch), [])
    return said


def test_each_release_that_begins_to_serve_is_told_once(site: Site, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    served(site, OLD, "2026-11-23T08:15:00Z")
    assert look(site, watch, monkeypatch, HOOK) == [], "what has served before is no news"
    served(site, NEW, "2026-11-23T09:00:00Z")
    served(site, OLD, "2026-11-23T09:01:00Z", "rollback")
    [(url, title, text)] = look(site, watch, monkeypatch, HOOK)
    assert (url, title) == (HOOK, f"{site.name}: {OLD} serves")
    assert text.splitlines() == [
        f"2026-11-23T09:01:00Z rollback {OLD} ({OLD}) by ada on laptop",
        f"2026-11-23T09:00:00Z deploy {NEW} ({NEW}) by ada on laptop",
    ]
    served(site, OLD, "2026-11-23T09:02:00Z", "settings")
    assert look(site, watch, monkeypatch, HOOK) == []


def test_whoever_could_not_be_told_is_told_later_and_the_others_once(
    site: Site, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(site, watch, monkeypatch, HOOK, MAIL)
    served(site, OLD, "2026-11-23T08:15:00Z")
    assert [url for url, *_ in look(site, watch, monkeypatch, HOOK, MAIL, down=HOOK)] == [MAIL]
    assert [url for url, *_ in look(site, watch, monkeypatch, HOOK, MAIL)] == [HOOK]


def test_nobody_is_told_where_that_is_not_wanted(site: Site, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    look(site, watch, monkeypatch, HOOK, tells=False)
    served(site, OLD, "2026-11-23T08:15:00Z")
    assert look(site, watch, monkeypatch, HOOK, tells=False) == []
    assert look(site, watch, monkeypatch, HOOK) == [], "what has served before is no news"


def test_a_history_that_has_left_out_what_was_told_has_one_piece_of_news(site: Site) -> None:
    served(site, OLD, "2026-11-23T08:15:00Z")
    served(site, NEW, "2026-11-23T09:00:00Z")
    deploys = Deploys(site, {"x": "2026-01-01T00:00:00Z gone"})
    assert [entry["release"] for entry in deploys.news("x")] == [NEW]
    assert Deploys(site, {"x": ""}).news("x")[0]["release"] == OLD
    assert Deploys.of({"name": "shop", "root": "/nonexistent"}, {"deploys": "torn"}).known == {}


def test_a_deploy_has_a_host_look_at_once_that_tells_of_it(site: Site, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []

    def systemctl(*words: str) -> Outcome:
        told.append(words)
        return Outcome(0)

    monkeypatch.setattr(watched, "systemctl", systemctl)
    watch = Watch(site.name, watch.root)
    for said in (None, '{"deploys": false}', '{"deploys": true}'):
        if said is not None:
            watch.settings.write_text(said)
        look_at_once(site, watch.root)
    assert told == [("start", "--no-block", watch.service)]
