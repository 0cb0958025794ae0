"""Runs that should change nothing, and do."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import PLAIN, Site
from tests.behaviour.kit.versions import versions
from tests.behaviour.kit.visitor import Visitor
from tests.load import constant_load, judge

pytestmark = pytest.mark.about("site")

SITES = ["plain", "gallery", "stock"]


@pytest.mark.debian13
def test_a_change_of_a_setting_is_made_without_losing_a_request(plain: Site) -> None:
    plan = plain.load(rate=30)
    with constant_load(plan) as load:
        changed = plain.play("site", site_env={"A_NEW_VARIABLE": "its value"}).must_succeed()
        back = plain.play("site").must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    assert changed.changed > 0 and back.changed > 0, f"{changed}\n{back}"
    assert verdict.flawless, str(verdict)


@pytest.mark.debian13
def test_names_in_site_env_are_filled_in_whichever_verb_starts_the_process(plain: Site) -> None:
    """A value of the site, of the release, one that is a secret, one that only looks like a name, and one of several lines."""
    before, following, _ = versions(plain)
    filled = {"MY_PLACE": "${SITE_DOMAIN} in ${STATIC_ROOT}", "MY_KEY": "${SECRET_KEY}", "MY_TEMPLATE": "$${USER} stays"}
    pem = '-----BEGIN X-----\na "b" \\ $c {d} %e\n-----END X-----\n'
    plain.write_inventory(site_env={**filled, "MY_PEM": pem})
    try:
        verbs: list[Callable[[], Run]] = [lambda: plain.play("site"), lambda: plain.deploy(following), plain.rollback]
        for verb in verbs:
            run = verb().must_succeed()
            found = environment(plain)
            assert found["MY_PLACE"] == f"{plain.domain} in {found['STATIC_ROOT']}" and plain.current() in found["STATIC_ROOT"], (
                run
            )
            assert found["MY_KEY"] == found["SECRET_KEY"] == plain.secrets["secret_key"], run
            assert (found["MY_TEMPLATE"], found["MY_PEM"]) == ("${USER} stays", pem), run
        assert plain.serves() == before
    finally:
        plain.write_inventory()
        plain.play("site")
    assert "MY_PLACE" not in environment(plain)


def environment(site: Site) -> dict[str, str]:
    """What the process that serves was started with, as the kernel has it."""
    pid = site.app.run(f"systemctl show --value --property MainPID {site.instances()[0]}")
    entries = base64.b64decode(site.app.run(f"base64 /proc/{pid}/environ")).decode().split("\0")
    return {name: value for name, _sign, value in (entry.partition("=") for entry in entries)}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "plain" else pytest.mark.debian13) for name in SITES])
def test_a_second_run_changes_nothing(name: str, request: pytest.FixtureRequest) -> None:
    """Not even after a change of a setting and back; and it deploys nothing, whichever version serves."""
    site: Site = request.getfixturevalue(name)
    before, instances = site.current(), site.instances()
    run = site.play("site").must_succeed()
    assert run.changed == 0, run
    assert "answers" not in run.output, f"this run says more than an operator wants to read:\n{run}"
    assert (site.current(), site.instances()) == (before, instances)


@pytest.mark.debian13
def test_check_and_diff_of_a_converged_site_change_nothing_and_show_no_secret(plain: Site) -> None:
    run = plain.play("site", "--check", "--diff").must_succeed()
    assert run.changed == 0, run
    assert [name for name, value in plain.secrets.items() if value in run.output] == []


@pytest.mark.debian13
def test_check_and_diff_of_a_fresh_site_work_and_change_nothing(lab: Lab, workspace: Path, plain: Site) -> None:
    fresh = Site(lab, PLAIN, workspace / "fresh", site_name="fresh", site_domain="fresh.example")
    run = fresh.play("site", "--check", "--diff").must_succeed()
    assert run.changed > 0, f"a site that is not there yet needs no change?\n{run}"
    assert [name for name, value in fresh.secrets.items() if value in run.output] == []
    traces = lab.app.run(
        "ls -d /srv/fresh /etc/systemd/system/fresh* /etc/nginx/*/fresh* 2>/dev/null; id -u fresh 2>/dev/null; true"
    )
    assert traces == "", f"a check has left {traces}"
    assert plain.database.value("SELECT count(*) FROM pg_database WHERE datname = 'fresh'") == "0"
    assert Visitor(lab.lb.address, fresh.domain).is_dropped(fresh.domain)
