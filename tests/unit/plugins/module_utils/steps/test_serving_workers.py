"""In which order a release serves and its workers take over, and what becomes of them when it can't."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Known
from ansible_collections.hotclub.django.plugins.module_utils.steps import release_build, release_switch

from tests.unit.plugins.module_utils.releases import NEW, OLD, add


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

    def refuse_too_many(self) -> None:
        self._note("refuse too many")

    def change_over(self, release: str, back: bool = False) -> bool:
        self._note(f"workers {release}{' back' if back else ''}")
        return True


def served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, units: dict[str, bool], fails: str = "", action: str = "deploy"
) -> list[str]:
    site = Site.at("shop", str(tmp_path))
    site.current_link.symlink_to(f"releases/{OLD}")
    told: Any = Told(site, units, fails)
    monkeypatch.setattr(release_switch, "Workers", lambda site: told)
    if fails:
        with pytest.raises(Trouble):
            release_switch.serve(told, NEW, action, "somebody", proved=False)
    else:
        release_switch.serve(told, NEW, action, "somebody", proved=False)
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


def test_a_rollback_waits_for_no_older_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(tmp_path, monkeypatch, {"mail": True}, action="rollback") == [
        f"prove {NEW}",
        f"workers {NEW} back",
        f"switch {NEW} proved",
    ]


@pytest.mark.parametrize(
    ("state", "action", "said"),
    [
        ("proved", "deploy", [f"prove {NEW}", "refuse too many"]),
        ("proved", "rollback", [f"prove {NEW}"]),
        ("workers", "deploy", [f"workers {NEW}"]),
        ("workers", "rollback", [f"workers {NEW} back"]),
    ],
)
def test_on_several_hosts_a_rollback_waits_for_none_either(
    site: Site, monkeypatch: pytest.MonkeyPatch, state: str, action: str, said: list[str]
) -> None:
    add(site, NEW)
    (site.release(NEW) / "venv").mkdir()
    told: Any = Told(site, {"mail": True})
    monkeypatch.setattr(release_switch, "Workers", lambda site: told)
    monkeypatch.setattr(Instances, "prove", lambda instances, release: told.prove(release))
    params = {"name": site.name, "root": str(site.root), "holder": {}, "release": NEW, "state": state, "action": action}
    health = {"host": "shop.example.org", "path": "/", "statuses": ["200"], "seconds": 1}
    call: Any = SimpleNamespace(params={**params, "health": health, "migrations_allowed": True}, check_mode=False)

    release_switch.switch(call)

    assert told.words == said


@pytest.mark.parametrize("rebuild", [False, True])
def test_too_many_older_workers_are_refused_before_a_new_release_is_built(
    site: Site, monkeypatch: pytest.MonkeyPatch, rebuild: bool
) -> None:
    class Busy:
        def __init__(self, site: Site) -> None:
            pass

        def refuse_too_many(self) -> None:
            raise Trouble("Workers of 2 older releases still finish", "", "")

    class Building:
        def __init__(self, site: Site, wanted: dict[str, Any]) -> None:
            pass

        def build(self, sent: object) -> dict[str, bool]:
            return {"changed": True}

    monkeypatch.setattr(release_build, "Workers", Busy)
    monkeypatch.setattr(release_build, "Builder", Building)
    params = {"name": site.name, "root": str(site.root), "holder": {}, "minimum_free_mb": 0, "list": "", "rebuild": rebuild}
    call: Any = SimpleNamespace(params=params, check_mode=False)

    # One that the fleet has already may be the one to roll back to.
    if rebuild:
        assert release_build.build(call) == {"changed": True}
    else:
        with pytest.raises(Trouble, match="still finish"):
            release_build.build(call)
