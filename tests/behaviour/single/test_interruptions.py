"""Deploys that are cut off, and deploys that meet each other."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.behaviour.kit.operator import TaskRun
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

BUILD, MIGRATE = "Build the release beside what serves", "Apply the migrations"
SWITCH = "Prove the release and let it serve"
# The tasks of a deploy that work on the host; between them is only the controller.
PHASES = (
    "Take the deployment lock",
    BUILD,
    SWITCH,
    "Remove the releases that are not kept",
    "Remove the deployment lock",
)


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
        deploy.wait_for(rf"{escape(kill_in.name)}\]")
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


@pytest.fixture(scope="module")
def phases(plain: Site) -> dict[str, TaskRun]:
    """What a deploy of changed code does on the host, and how long each part takes."""
    _, following, _ = versions(plain)
    rehearsal = plain.deploy(following).must_succeed()
    found = {phase: next((task for task in rehearsal.tasks if task.name.endswith(phase)), None) for phase in PHASES}
    assert None not in found.values(), f"a deploy has other tasks: {rehearsal.tasks}"
    return {phase: task for phase, task in found.items() if task}


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.long_on_slow
@pytest.mark.about("release", "deploy")
def test_a_deploy_killed_in_any_phase_leaves_a_working_site(plain: Site, phases: dict[str, TaskRun], phase: str) -> None:
    is_whole_after_a_kill(plain, phases[phase])


@pytest.mark.parametrize("phase", [BUILD, SWITCH])
@pytest.mark.long_on_slow
@pytest.mark.about("release", "deploy")
def test_a_killed_controller_whose_children_live_on_leaves_a_working_site(
    plain: Site, phases: dict[str, TaskRun], phase: str
) -> None:
    is_whole_after_a_kill(plain, phases[phase], whole_group=False)


@pytest.mark.long_on_slow
@pytest.mark.about("release", "deploy")
def test_a_deploy_killed_while_it_installs_leaves_a_working_site(plain: Site) -> None:
    plain.app.run(f"cd {plain.root}/venvs && rm -rf $(ls -d */lib/python*/site-packages/packaging | cut -d/ -f1)")
    is_whole_after_a_kill(plain, TaskRun(BUILD, at_pace(3.0)), wanted="more-requirements")


@pytest.mark.long_on_slow
@pytest.mark.about("release", "deploy")
def test_a_deploy_killed_while_it_migrates_leaves_a_working_site(plain: Site, clean_schema: Callable[[], None]) -> None:
    is_whole_after_a_kill(plain, TaskRun(MIGRATE, at_pace(1.0)), wanted="additive")


def test_a_second_deploy_is_told_who_is_deploying(plain: Site) -> None:
    before, wanted, refused = versions(plain)
    first = plain.start("deploy", site_version=wanted, site_build_commands=[f"sleep {at_pace(12):.0f}"])
    first.wait_for(rf"{BUILD}\]")
    second = plain.deploy(refused).must_fail()
    assert second.says("lock", "since", "deploy"), second
    assert second.seconds < at_pace(10), f"the second deploy took {second.seconds:.0f} s to find out"
    assert plain.serves() == before
    first.wait().must_succeed()
    assert plain.serves() == wanted
    plain.deploy(refused).must_succeed()
    assert plain.serves() == refused


def test_a_step_that_takes_long_is_no_dead_one(plain: Site) -> None:
    before, wanted, refused = versions(plain)
    first = plain.start("deploy", site_version=wanted, site_build_commands=["sleep 90"])
    first.wait_for(rf"{escape(BUILD)}\]")
    began = time.monotonic()
    plain.app.run(f"touch {plain.root}/shared/media/an-upload")
    copied = plain.play("move_media").must_fail()
    assert copied.says("holds the deployment lock of plain", f"deploy {wanted}"), copied
    for word, status in (("on", 503), ("off", 200)):
        # Needs no lock: a page for visitors is wanted just then.
        plain.play("maintenance", maintenance=word).must_succeed()
        assert plain.visitor.get("/version").status == status
    time.sleep(max(0.0, 75 - (time.monotonic() - began)))
    # For this one, whoever has shown no sign of life for that long is dead; the step has been at work for longer.
    second = plain.deploy(refused, site_deploy_lock_seconds=60).must_fail()
    assert second.says("holds the deployment lock of plain", f"deploy {wanted}"), second
    assert plain.serves() == before
    first.wait().must_succeed()
    assert plain.serves() == wanted


def test_a_run_that_was_suspended_while_another_one_deployed_changes_nothing_more(plain: Site) -> None:
    _, wanted, other = versions(plain)
    first = plain.start("deploy", site_version=wanted, site_build_commands=["sleep 10"])
    first.wait_for(rf"{escape(BUILD)}\]")
    # The lock is another run's by the time that the build ends.
    plain.app.run(
        f'sleep 3; sed -i \'s/"run": "/"run": "another-/; s/"machine": "/"machine": "another-/\' {plain.root}/deploy.lock'
    )
    lost = first.wait().must_fail()
    assert lost.says("has lost the deployment lock of plain", "playbooks/status.yml"), lost
    assert plain.serves() != wanted
    # Whoever holds it is elsewhere and may be alive; whoever knows that it is dead says so.
    refused = plain.deploy(other).must_fail()
    assert refused.says("holds the deployment lock of plain"), refused
    plain.deploy(other, site_deploy_lock_seconds=0).must_succeed()
    assert plain.serves() == other


def test_a_power_cut_in_the_history_stops_nothing(plain: Site) -> None:
    before, following, _ = versions(plain)
    plain.app.run(f'printf \'{{"release": "2026\' >> {plain.root}/history.jsonl')
    plain.deploy(following).must_succeed()
    plain.play("status").must_succeed()
    plain.rollback().must_succeed()
    assert plain.serves() == before


def test_two_sites_can_be_deployed_at_once(plain: Site, gallery: Site) -> None:
    _, following, _ = versions(plain)
    deploys = [plain.start("deploy", site_version=following), gallery.start("deploy", site_version="v2")]
    for deploy in deploys:
        deploy.wait().must_succeed()
    assert (plain.serves(), gallery.serves()) == (following, "v2")
    gallery.deploy("v1").must_succeed()
