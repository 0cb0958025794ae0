"""Uploads are moved while nobody deploys."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of
from ansible_collections.hotclub.django.plugins.module_utils.release.project import ANSWER
from ansible_collections.hotclub.django.plugins.module_utils.steps import media_move

from tests.unit.plugins.module_utils.releases import NEW, add

COPIED = {"files": 1, "bytes": 3, "copied": 1, "copied_bytes": 3, "removed": 0, "unmoved": 0, "failed": [], "next": ""}


@pytest.fixture
def uploads(site: Site, tmp_path: Path) -> Path:
    add(site, NEW)
    link_atomically(site.current_link, f"releases/{NEW}")
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "a.png").write_text("png")
    return folder


def call(site: Site, folder: Path, check_mode: bool = False, **said: Any) -> Any:
    given = {"name": site.name, "root": str(site.root), "folder": str(folder), "environment": {}, "remove": False}
    given |= {"after": "", "seconds": 60, "locked": False}
    asking = {"holder": {"run": "one", "user": "ada"}, "what": "move_media", "dead_run": "", "lease_seconds": 900}
    return SimpleNamespace(params={**given, **asking, **said}, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_deploy_waits_for_it_and_a_check_holds_nobody_up(
    site: Site, uploads: Path, monkeypatch: pytest.MonkeyPatch, check_mode: bool
) -> None:
    seen: list[dict[str, Any]] = []

    class Interpreter:
        def __init__(self, *_: Any) -> None:
            self.hidden: list[str] = []

        def run(self, arguments: list[str], extra: dict[str, str]) -> Outcome:
            assert arguments[1:] == [str(uploads), "look" if check_mode else "copy", "", "60"]
            seen.append(holder_of(site.lock_file))
            return Outcome(0, f"{ANSWER}{json.dumps(COPIED)}\n")

    monkeypatch.setattr(media_move, "Interpreter", Interpreter)
    assert media_move.move(call(site, uploads, check_mode))["changed"]
    assert [holder.get("what") for holder in seen] == [None if check_mode else "move_media"]
    assert holder_of(site.lock_file) == {}


def test_while_somebody_deploys_nothing_is_moved(site: Site, uploads: Path) -> None:
    site.lock_file.write_text(json.dumps({"run": "two", "what": "deploy v2"}))
    assert media_move.move(call(site, uploads))["held_by"]["what"] == "deploy v2"
    assert holder_of(site.lock_file)["run"] == "two"


def test_the_lock_stays_with_a_run_between_its_calls_and_goes_at_the_end(
    site: Site, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([{**COPIED, "next": "a.png"}, {**COPIED, "next": "b.png"}, COPIED])

    class Interpreter:
        hidden: ClassVar[list[str]] = []

        def __init__(self, *_: Any) -> None:
            pass

        def run(self, *_: Any) -> Outcome:
            return Outcome(0, f"{ANSWER}{json.dumps(next(answers))}\n")

    monkeypatch.setattr(media_move, "Interpreter", Interpreter)
    said: dict[str, Any] = {}
    for expected in ("a.png", "b.png", ""):
        result = media_move.move(call(site, uploads, **said))
        assert result["next"] == expected
        assert bool(holder_of(site.lock_file)) == bool(expected)
        said = {"after": result["next"], "locked": result["locked"]}
