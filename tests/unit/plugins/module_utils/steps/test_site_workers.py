"""Work on a host with workers: they finish or are replaced, and whoever waits for it keeps the deployment lock."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps import site_workers

from tests.unit.plugins.module_utils.releases import NEW, add


def brought(site: Site, monkeypatch: pytest.MonkeyPatch, state: str, run: str = "", check_mode: bool = False) -> list[str]:
    told: list[str] = []

    class Told:
        known = SimpleNamespace(units={"mail": True})

        def __init__(self, site: Site) -> None:
            pass

        def instances(self) -> list[str]:
            return ["mail"]

        def end(self) -> bool:
            told.append("end")
            return True

        def change_over(self, release: str, renewed: bool = False, back: bool = False) -> bool:
            told.append(f"{release}{' renewed' * renewed}{' whoever finishes' * back}")
            return True

    monkeypatch.setattr(site_workers, "Workers", Told)
    params = {"name": site.name, "root": str(site.root), "state": state, "holder": {"run": run}}
    call: Any = SimpleNamespace(params=params, check_mode=check_mode)
    assert site_workers.bring(call)["changed"] is bool(site.current())
    return told


def test_they_finish_or_are_replaced_by_others_of_the_same_release(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert brought(site, monkeypatch, "finished") == []
    add(site, NEW)
    site.current_link.symlink_to(f"releases/{NEW}")

    assert brought(site, monkeypatch, "finished") == ["end"]
    assert brought(site, monkeypatch, "renewed") == [f"{NEW} renewed whoever finishes"]
    assert brought(site, monkeypatch, "renewed", check_mode=True) == []


@pytest.mark.parametrize(("run", "kept"), [("one", True), ("two", False)])
def test_who_waits_keeps_the_lock_that_is_its_own_and_needs_none(
    site: Site, monkeypatch: pytest.MonkeyPatch, run: str, kept: bool
) -> None:
    add(site, NEW)
    site.current_link.symlink_to(f"releases/{NEW}")
    site.lock_file.write_text(json.dumps({"run": "one"}))
    long_ago = time.time() - 5000
    os.utime(site.lock_file, (long_ago, long_ago))

    assert brought(site, monkeypatch, "finished", run) == ["end"]

    assert (site.lock_file.stat().st_mtime > long_ago + 1) is kept
