"""Which releases are kept after a deployment."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.module_utils.common.files import link_atomically
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_finish import parted, to_keep

from tests.unit.plugins.module_utils.releases import MIDDLE, NEW, OLD, add


def test_the_current_release_is_kept_however_old(site: Site) -> None:
    for release in (OLD, MIDDLE, NEW):
        add(site, release)
    link_atomically(site.current_link, f"releases/{OLD}")
    assert to_keep(site, 2, "") == [OLD, NEW]
    assert to_keep(site, 1, "") == [OLD]
    assert to_keep(site, 3, NEW) == [OLD, MIDDLE]


def test_a_run_that_was_overtaken_removes_nothing_of_a_newer_one(site: Site) -> None:
    add(site, OLD)
    link_atomically(site.current_link, f"releases/{OLD}")
    add(site, MIDDLE, served=False)
    add(site, NEW, served=False)
    # The run that has built the one in the middle cleans up after its failure, while another one has built the newest.
    assert parted(site, 5, MIDDLE) == ([OLD, NEW], [MIDDLE])
    assert parted(site, 5, "") == ([OLD, MIDDLE, NEW], [])
    link_atomically(site.current_link, f"releases/{NEW}")
    site.remember({"release": NEW, "action": "deploy"})
    assert parted(site, 5, "") == ([OLD, NEW], [MIDDLE])
