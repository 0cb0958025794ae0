"""Mistakes in an inventory are all told at once, before anything has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.kit.lab import TIERS, Lab
from tests.behaviour.kit.operator import Playbook, Run
from tests.behaviour.kit.sites import PLAIN, Site, inventory_of

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

PLAYBOOKS = ("site", "deploy", "rollback", "manage", "status")
GOOD = {**PLAIN.variables, "site_name": "mistaken", "site_domain": "mistaken.example"}


@pytest.fixture
def playing(lab: Lab, workspace: Path) -> Any:
    def play(playbook: str, tiers: tuple[str, ...] = TIERS, remove: str = "", **variables: Any) -> Run:
        folder = workspace / "mistaken"
        folder.mkdir(parents=True, exist_ok=True)
        described = {name: value for name, value in {**GOOD, **variables}.items() if name != remove}
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory_of(lab, described, tiers)), encoding="utf-8")
        return Playbook([folder / "hosts.yml"], playbook, {}, []).wait()

    return play


def test_all_mistakes_are_told_in_one_message(playing: Any, lab: Lab, plain: Site) -> None:
    before = lab.app.run("date +%s")
    run: Run = playing(
        "site",
        tiers=("lb", "app"),
        site_domain="http://mistaken.example/",
        site_helth_path="/healthz",
        site_keep_releases="many",
        gunicorn_worker=4,
        site_interface="fastcgi",
    ).must_fail()
    expected = {
        "a tier without a host": ("db",),
        "a domain that is none": ("site_domain", "http://mistaken.example/"),
        "a misspelt variable": ("site_helth_path", "site_health_path"),
        "a wrong type": ("site_keep_releases", "many"),
        "an unknown variable": ("gunicorn_worker", "gunicorn_workers"),
        "a value that is no choice": ("site_interface", "fastcgi", "asgi"),
    }
    missing = [what for what, words in expected.items() if not run.says(*words)]
    assert not missing, f"not told: {missing}\n{run}"
    assert run.changed == 0, run
    assert sum(counts["failed"] for counts in run.recap.values()) <= len(lab.machines), run
    touched = lab.app.run(
        f"find /etc /srv -newermt @{before} -not -path '*/.ansible/*' -type f | head; id mistaken 2>/dev/null; true"
    )
    assert touched == "", f"the refused run has changed {touched}"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_looks_at_the_inventory_first(playing: Any, playbook: str) -> None:
    run: Run = playing(playbook, site_domian="mistaken.example", remove="site_domain").must_fail()
    assert run.says("site_domian", "site_domain"), run
    assert run.changed == 0, run


def test_a_missing_variable_is_named(playing: Any) -> None:
    run: Run = playing("site", remove="site_source").must_fail()
    assert run.says("site_source"), run


def test_a_bad_name_is_refused_with_what_to_write_instead(playing: Any) -> None:
    run: Run = playing("site", site_name="My Shop").must_fail()
    assert run.says("site_name", "My Shop"), run


def test_a_mistaken_secret_is_not_shown(playing: Any) -> None:
    run: Run = playing("site", site_database_password=["not-a-text-but-secret"], site_keep_releases="many").must_fail()
    assert run.says("site_database_password"), run
    assert "not-a-text-but-secret" not in run.output, "the refusal shows a secret"


def test_other_peoples_variables_can_be_named(playing: Any) -> None:
    run: Run = playing("status", nginx_of_another_tool="x", site_foreign_variables=["nginx_of_another_tool"])
    assert not run.says("nginx_of_another_tool"), run


def test_a_shared_folder_that_uploads_would_not_reach_is_refused_before_anything_changes(plain: Site) -> None:
    shared = {"site_media_storage": "shared", "site_media_path": "/mnt/plain-media"}
    folder = shared["site_media_path"]
    environment = plain.app.run(f"cat {plain.root}/etc/environment")
    plain.app.run(f"mkdir -p {folder}")
    beside = plain.play("site", "--tags", "django", **shared).must_fail()
    plain.app.run(f"mount -t tmpfs -o mode=0755 tmpfs {folder}")
    try:
        forbidden = plain.play("site", "--tags", "django", **shared).must_fail()
    finally:
        plain.app.run(f"umount {folder}")
    assert beside.says("is on the host's own disk", "Mount the shared file system there"), beside
    assert forbidden.says("may not write to site_media_path", f"chown {plain.name}:www-data {folder}"), forbidden
    assert beside.changed == forbidden.changed == 0
    assert plain.app.run(f"cat {plain.root}/etc/environment") == environment
