"""Deploys that are cut off, and deploys that meet each other."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.behaviour.kit.operator import TaskRun
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.one_suite

# Tasks that end sooner have no middle in which to be killed.
SHORTEST_TASK_SECONDS = 0.2


def is_whole_after_a_kill(site: Site, kill_in: TaskRun, whole_group: bool = True, wanted: str = "") -> None:
    """Kill a deploy in the middle of a task; visitors must not notice, and the following deploy must work.

    What makes a test good again is where the next one begins.
    """
    before, following, another = versions(site)
    wanted = wanted or another
    plan = site.load(rate=20)
    where = f"killed in the middle of {kill_in.name!r}"
    with constant_load(plan) as load:
        deploy = site.start("deploy", site_version=wanted)
        deploy.wait_for(rf"\[{escape(kill_in.name)}\]")
        time.sleep(kill_in.seconds / 2)
        cut_off = deploy.kill(whole_group)
        time.sleep(2)
        serving = site.serves()
        assert serving in (before, wanted), f"{where}: {serving!r} serves\n{cut_off}"
        next_one = site.deploy(following)
        assert next_one.code == 0, f"{where}: the next deploy fails: {next_one}\nafter {cut_off}"
    verdict = judge(load.finish(), site.stored(plan))
    assert verdict.flawless, f"{where}: {verdict}\n{cut_off}"
    assert set(verdict.versions) <= {before, wanted, following}, f"{where}: {verdict}"
    assert site.serves() == following, where
    assert len(site.instances()) == 1, f"{where}: {site.instances()} serve"
    unfinished = site.app.run(f"for release in {site.root}/releases/*/; do test -e $release/RELEASE.json || echo $release; done")
    assert not unfinished, f"{where}: half a release is left: {unfinished}"


def escape(name: str) -> str:
    return "".join(character if character.isalnum() or character == " " else "." for character in name)


def test_a_deploy_killed_in_any_task_leaves_a_working_site(plain: Site) -> None:
    _, following, _ = versions(plain)
    rehearsal = plain.deploy(following).must_succeed()
    tasks = [task for task in rehearsal.tasks if task.seconds >= SHORTEST_TASK_SECONDS]
    assert len(tasks) >= 4, f"a deploy has hardly any phases: {rehearsal.tasks}"
    problems = []
    for task in tasks:
        try:
            is_whole_after_a_kill(plain, task)
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n\n".join(problems)


def test_a_killed_controller_whose_children_live_on_leaves_a_working_site(plain: Site) -> None:
    _, following, _ = versions(plain)
    rehearsal = plain.deploy(following).must_succeed()
    longest = sorted(rehearsal.tasks, key=lambda task: task.seconds)[-2:]
    for task in longest:
        is_whole_after_a_kill(plain, task, whole_group=False)


def test_a_deploy_killed_while_it_installs_or_migrates_leaves_a_working_site(
    plain: Site, clean_schema: Callable[[], None]
) -> None:
    """The phases that a code-only deploy passes too quickly: requirements, a migration."""
    for version in ("more-requirements", "additive"):
        plain.at("v1")
        rehearsal = plain.deploy(version).must_succeed()
        plain.at("v1")
        slowest = max(rehearsal.tasks, key=lambda task: task.seconds)
        is_whole_after_a_kill(plain, slowest, wanted=version)


def test_a_second_deploy_is_told_who_is_deploying(plain: Site) -> None:
    before, wanted, refused = versions(plain)
    first = plain.start("deploy", site_version=wanted, site_build_commands=["sleep 12"])
    time.sleep(6)
    second = plain.deploy(refused).must_fail()
    assert second.says("lock", "since", "deploy"), second
    assert second.seconds < 10, f"the second deploy took {second.seconds:.0f} s to find out"
    assert plain.serves() == before
    first.wait().must_succeed()
    assert plain.serves() == wanted
    plain.deploy(refused).must_succeed()
    assert plain.serves() == refused


def test_two_sites_can_be_deployed_at_once(plain: Site, gallery: Site) -> None:
    _, following, _ = versions(plain)
    deploys = [plain.start("deploy", site_version=following), gallery.start("deploy", site_version="v2")]
    for deploy in deploys:
        deploy.wait().must_succeed()
    assert (plain.serves(), gallery.serves()) == (following, "v2")
    gallery.deploy("v1").must_succeed()
