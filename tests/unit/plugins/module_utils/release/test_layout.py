"""Releases on the disk: which one is previous, and which can run."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release import layout
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, fleet_view

from tests.unit.plugins.module_utils.releases import MIDDLE, NEW, OLD, add


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


@pytest.mark.parametrize("torn", ['{"release": "2026', "\0" * 64, "[]", "{}", "\udcff"])
def test_a_torn_line_of_the_history_stops_nothing_and_spoils_no_other(site: Site, torn: str) -> None:
    for release in (OLD, MIDDLE):
        add(site, release)
    with site.history_file.open("ab") as history:
        history.write(torn.encode(errors="surrogateescape"))
    add(site, NEW)
    link_atomically(site.current_link, f"releases/{NEW}")

    assert [entry["release"] for entry in site.history()] == [OLD, MIDDLE, NEW]
    assert site.previous() == MIDDLE
    assert fleet_view(site)["before"] == MIDDLE


def test_the_history_does_not_grow_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LONGEST_HISTORY", 10)
    for number in range(45):
        site.remember({"release": OLD, "number": number})
    numbers = [entry["number"] for entry in site.history()]

    assert len(numbers) <= 11
    assert numbers == list(range(numbers[0], 45))
    assert site.history_file.stat().st_mode & 0o777 == 0o600
