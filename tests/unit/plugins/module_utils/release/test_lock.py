"""The deployment lock: who works under it keeps it fresh, and who has lost it changes nothing more."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import lock
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import Asking, held, let_go, take
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.lock import holder_of, renewed


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site("shop", tmp_path)


def asking(run: str, **words: Any) -> Asking:
    return Asking({"user": "ada", "host": "laptop", "run": run}, "deploy v2", wait_seconds=0, **words)


def old(site: Site, seconds: float = 1000) -> None:
    os.utime(site.lock_file, (time.time() - seconds,) * 2)


class TestTaking:
    """One run at a time."""

    def test_the_second_one_is_told_who_has_it(self, site: Site) -> None:
        assert take(site, asking("one")).is_new
        assert not take(site, asking("one")).is_new
        assert take(site, asking("two")).held_by["what"] == "deploy v2"

    def test_what_nobody_has_renewed_and_who_is_known_to_be_dead_is_taken_over(self, site: Site) -> None:
        take(site, asking("one"))
        assert take(site, asking("two", dead_run="one")).taken_over["run"] == "one"
        old(site)
        assert take(site, asking("three")).taken_over["run"] == "two"

    def test_whoever_has_said_how_long_it_may_be_silent_is_believed(self, site: Site) -> None:
        take(site, asking("one", silent_seconds=3600))
        old(site)
        assert take(site, asking("two")).held_by["run"] == "one"
        assert take(site, asking("two", lease_seconds=0)).taken_over["run"] == "one"
        take(site, asking("three", silent_seconds=10, lease_seconds=0))
        old(site, 800)
        assert take(site, asking("four")).held_by["run"] == "three"

    def test_nobody_lets_go_of_another_one_s(self, site: Site) -> None:
        take(site, asking("one"))
        let_go(site, "two")
        assert holder_of(site.lock_file)["run"] == "one"
        let_go(site, "one")
        assert holder_of(site.lock_file) == {}

    def test_a_step_by_itself_takes_it_and_leaves_it_to_a_run_that_had_it(self, site: Site) -> None:
        with held(site, asking("one")) as answer:
            assert not answer.held_by
            assert holder_of(site.lock_file)["run"] == "one"
        assert holder_of(site.lock_file) == {}
        take(site, asking("one"))
        with held(site, asking("one")):
            pass
        assert holder_of(site.lock_file)["run"] == "one"
        with held(site, asking("two")) as answer:
            assert answer.held_by["run"] == "one"
        assert holder_of(site.lock_file)["run"] == "one"

    def test_half_a_lock_is_none(self, site: Site) -> None:
        site.lock_file.write_text('{"run": "on', encoding="utf-8")
        assert take(site, asking("two")).is_new


class TestWorking:
    """Steps under the lock."""

    def test_a_long_step_keeps_it_fresh(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lock, "RENEWAL_SECONDS", 0.01)
        take(site, asking("one"))
        with renewed(site.lock_file, "one", seconds=0.01):
            old(site)
            deadline = time.monotonic() + 10
            while holder_of(site.lock_file)["age_seconds"] > 100:
                assert time.monotonic() < deadline, "nobody has renewed it"
                time.sleep(0.01)
            assert take(site, asking("two")).held_by

    def test_a_step_begins_with_a_fresh_one_and_ends_its_renewal(self, site: Site) -> None:
        take(site, asking("one"))
        old(site, 100)
        with site.step(run="one"):
            deadline = time.monotonic() + 10
            while holder_of(site.lock_file)["age_seconds"] > 50:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        old(site)
        time.sleep(0.05)
        assert holder_of(site.lock_file)["age_seconds"] > 900

    def test_nobody_renews_another_one_s(self, site: Site) -> None:
        take(site, asking("two"))
        old(site)
        with renewed(site.lock_file, "one", seconds=0.01):
            time.sleep(0.05)
        assert holder_of(site.lock_file)["age_seconds"] > 900

    def test_who_was_suspended_while_another_one_deployed_changes_nothing_more(self, site: Site) -> None:
        take(site, asking("one"))
        old(site)
        take(site, asking("two"))
        for now in ("ada on laptop holds it", "another run had it meanwhile, and has ended"):
            with pytest.raises(Trouble, match=now) as refused, site.step(run="one"):
                pytest.fail("the step has begun")
            assert "shop" in str(refused.value)
            assert "playbooks/status.yml" in str(refused.value)
            let_go(site, "two")

    def test_a_step_that_needs_no_lock_asks_for_none(self, site: Site) -> None:
        take(site, asking("one"))
        with site.step():
            pass
        assert json.loads(site.lock_file.read_text(encoding="utf-8"))["run"] == "one"


def test_a_host_that_nobody_has_set_up_is_told_with_the_playbook_that_does(site: Site) -> None:
    missing = Site(site.name, site.root / "missing")
    with pytest.raises(Trouble, match=r"has no .*/missing yet\.\nRun playbooks/site\.yml"), missing.step():
        pass
