"""In which order a release serves and its workers take over, and what becomes of them when it can't."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Known
from ansible_collections.hotclub.django.plugins.module_utils.steps import release_build, release_switch

from tests.unit.plugins.module_utils.releases import NEW, OLD


class Told:
    """What is told to the instances and to the workers, in order; one of these may fail."""

    def __init__(self, site: Site, units: dict[str, bool], fails: str = "") -> None:
        self.site, self.known, self.fails = site, Known(units), fails
        self.words: list[str] = []

    def _note(self, words: str) -> None:
        self.words.append(words)
        if words == self.fails:
            raise Trouble("no", "", "")

    def prove(self, release: str) -> None:
        self._note(f"prove {release}")

    def switch(self, release: str, action: str, by: str, proved: bool) -> None:
        self._note(f"switch {release}{' proved' if proved else ''}")

    def change_over(self, release: str, back: bool = False) -> bool:
        self._note(f"workers {release}{' back' if back else ''}")
        return True


def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: dict[str, bool], fails: str = "") -> list[str]:
    site = Site.at("shop", str(tmp_path))
    site.current_link.symlink_to(f"releases/{OLD}")
    told: Any = Told(site, units, fails)
    monkeypatch.setattr(release_switch, "Workers", lambda site: told)
    if fails:
        with pytest.raises(Trouble):
            release_switch.serve(told, NEW, "deploy", "somebody", proved=False)
    else:
        release_switch.serve(told, NEW, "deploy", "somebody", proved=False)
    words: list[str] = told.words
    return words


def test_workers_take_over_between_the_proof_and_the_first_visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(tmp_path, monkeypatch, {"mail": True}) == [f"prove {NEW}", f"workers {NEW}", f"switch {NEW} proved"]


def test_a_site_without_workers_is_served_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(tmp_path, monkeypatch, {}) == [f"workers {NEW}", f"switch {NEW}"]


def test_a_release_that_can_t_serve_gives_the_work_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = served(tmp_path, monkeypatch, {"mail": True}, fails=f"switch {NEW} proved")

    assert told[-2:] == [f"switch {NEW} proved", f"workers {OLD} back"]


def test_one_that_is_not_proved_gets_no_work_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(tmp_path, monkeypatch, {"mail": True}, fails=f"prove {NEW}") == [f"prove {NEW}"]


def test_one_whose_workers_don_t_live_gets_no_visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(tmp_path, monkeypatch, {"mail": True}, fails=f"workers {NEW}") == [f"prove {NEW}", f"workers {NEW}"]


def test_too_many_older_workers_are_refused_before_anything_is_built(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        def __init__(self, site: Site) -> None:
            pass

        def refuse_too_many(self) -> None:
            raise Trouble("Workers of 2 older releases still finish", "", "")

    built: list[Any] = []
    monkeypatch.setattr(release_build, "Workers", Busy)
    monkeypatch.setattr(release_build, "Builder", lambda *given: built.append(given))
    call: Any = SimpleNamespace(
        params={"name": site.name, "root": str(site.root), "holder": {}, "minimum_free_mb": 0, "list": ""}, check_mode=False
    )

    with pytest.raises(Trouble, match="still finish"):
        release_build.build(call)

    assert built == []
