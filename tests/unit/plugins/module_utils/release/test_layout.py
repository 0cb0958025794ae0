"""Releases on the disk: which one is previous, what is kept, what is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, fleet_view
from ansible_collections.hotclub.django.plugins.module_utils.release.project import folder, settings_module
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_finish import to_keep

OLD, MIDDLE, NEW = "20260101T000000-aaaaaaa", "20260102T000000-bbbbbbb", "20260103T000000-ccccccc"
MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site.at("shop", str(tmp_path))
    for name in ("releases", "static", "venvs"):
        (tmp_path / name).mkdir()
    return site


def add(site: Site, release: str, *, served: bool = True, static: dict[str, str] | None = None) -> None:
    (site.release(release) / "static").mkdir(parents=True)
    for name, text in (static or {}).items():
        (site.release(release) / "static" / name).write_text(text)
    (site.release(release) / "RELEASE.json").write_text(json.dumps({"id": release}))
    if served:
        site.remember({"release": release, "action": "deploy"})


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_second_rollback_goes_on_backwards(site: Site) -> None:
    for release in (OLD, MIDDLE, NEW):
        add(site, release)
    link_atomically(site.current_link, f"releases/{NEW}")
    assert site.previous() == MIDDLE
    link_atomically(site.current_link, f"releases/{MIDDLE}")
    site.remember({"release": MIDDLE, "action": "rollback"})
    assert site.previous() == OLD


def test_a_release_that_was_gone_back_from_is_no_way_back(site: Site) -> None:
    add(site, OLD)
    add(site, MIDDLE)
    site.remember({"release": OLD, "action": "rollback"})
    add(site, NEW)
    link_atomically(site.current_link, f"releases/{NEW}")
    assert site.previous() == OLD


def test_a_release_that_never_served_is_nowhere_to_return_to(site: Site) -> None:
    add(site, OLD)
    add(site, MIDDLE, served=False)
    add(site, NEW)
    link_atomically(site.current_link, f"releases/{NEW}")
    assert site.previous() == OLD


def test_a_half_built_release_is_none(site: Site) -> None:
    site.release(NEW).mkdir()
    assert site.built() == []


def test_a_balancers_static_files_are_no_release_to_run(site: Site) -> None:
    add(site, OLD)
    add(site, NEW)
    (site.release(OLD) / "venv").mkdir()
    assert site.built() == [OLD, NEW]
    assert site.runnable() == [OLD]
    assert fleet_view(site)["built"] == [OLD]


def test_the_current_release_is_kept_however_old(site: Site) -> None:
    for release in (OLD, MIDDLE, NEW):
        add(site, release)
    link_atomically(site.current_link, f"releases/{OLD}")
    assert to_keep(site, 2, "") == [OLD, NEW]
    assert to_keep(site, 1, "") == [OLD]
    assert to_keep(site, 3, NEW) == [OLD, MIDDLE]


def test_static_files_of_older_releases_stay_until_they_are_pruned(site: Site) -> None:
    add(site, OLD, static={"style.aaa.css": "old", "logo.svg": "same"})
    add(site, NEW, static={"style.bbb.css": "new", "logo.svg": "same"})
    assert static_files.publish(site, OLD)
    written = (site.static / "logo.svg").stat().st_ino
    assert static_files.publish(site, NEW)
    assert names_in(site.static) == ["logo.svg", "style.aaa.css", "style.bbb.css"]
    assert (site.static / "logo.svg").stat().st_ino == written
    assert not static_files.publish(site, NEW)
    assert static_files.prune(site, [NEW])
    assert names_in(site.static) == ["logo.svg", "style.bbb.css"]


def test_a_file_is_written_only_when_it_changes(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "x", "1")
    assert not write_atomically(tmp_path / "x", "1")
    assert write_atomically(tmp_path / "x", "2")
    assert names_in(tmp_path) == ["x"]


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (400, False), (404, True), (500, False)])
def test_an_answer_is_judged_by_codes_and_ranges(status: int, good: bool) -> None:
    assert HealthCheck("shop.example.org", "/", ["200-399", "404"], 1).accepts(status) is good


def test_the_project_is_found_below_the_top(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "manage.py").write_text(MANAGE)
    assert folder(tmp_path, "") == tmp_path / "src"
    assert settings_module(tmp_path / "src", "") == "shop.settings"


def test_two_projects_are_a_question_for_the_operator(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manage.py").write_text(MANAGE)
    with pytest.raises(Trouble, match="several projects: one, two"):
        folder(tmp_path, "")
