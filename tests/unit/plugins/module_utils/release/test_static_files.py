"""Static files of all releases that are kept are served."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

from tests.unit.plugins.module_utils.releases import NEW, OLD, add


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


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
