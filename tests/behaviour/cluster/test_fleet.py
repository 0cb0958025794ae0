"""Deploys, rollbacks and a changing number of hosts, under a constant load from outside the cluster."""

from __future__ import annotations

import collections
import contextlib
import re
from collections.abc import Callable, Iterator

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Machine
from tests.load import constant_load, judge

# With twice as many, the load alone takes a third of two cores on which six hosts live, and a deploy lasts as much longer.
RATE = 20
SEND = "Unpack the part, and publish the static files after the last one"


def test_every_balancer_shares_the_requests_between_all_hosts(whole: Fleet) -> None:
    for balancer in whole.lab.tier("lb"):
        whole.await_full_shares(balancer)
        before = {name: int(view["stot"]) for name, view in whole.views(balancer).items()}
        visitor = whole.visitor_at(balancer.address)
        assert {visitor.get("/version").status for _ in range(30)} == {200}
        shares = {name: int(view["stot"]) - before[name] for name, view in whole.views(balancer).items()}
        assert set(shares) == {"app1", "app2", "app3"}
        assert all(share >= 8 for share in shares.values()), f"{balancer.name}: {shares}"


def test_events_and_long_headers_pass_through_a_balancer(whole: Fleet) -> None:
    visitor = whole.visitor_at(whole.lab.tier("lb")[0].address)
    pauses = visitor.pauses_between_events("/events")
    assert len(pauses) == 2 and min(pauses) > 0.5, f"they come together: {pauses}"
    cookies = [("Cookie", f"{name}={'x' * 8000}") for name in ("a", "b", "c")]
    assert visitor.get(f"/version?{'x' * 7000}", claims=cookies).status == 200


def test_every_balancer_serves_static_files(whole: Fleet) -> None:
    for balancer in whole.lab.tier("lb"):
        visitor = whole.visitor_at(balancer.address)
        assert visitor.get("/static/admin/css/base.css").status == 200, balancer.name


def test_balancers_get_the_static_files_that_they_lack_also_after_an_interruption(whole: Fleet) -> None:
    added = "/static/journal/more.txt"
    balancers = whole.lab.tier("lb")
    served = [whole.current_on(machine) for machine in whole.apps]
    interrupted = whole.start("deploy", site_version="more-static")
    interrupted.wait_for(rf"{re.escape(SEND)}\]")
    interrupted.kill()
    for balancer in balancers:
        answer = whole.visitor_at(balancer.address).get(added)
        assert answer.status == 404 or answer.body == b"more\n", f"{balancer.name}: {answer}"
    assert [whole.current_on(machine) for machine in whole.apps] == served
    whole.deploy("more-static").must_succeed()
    for balancer in balancers:
        assert whole.visitor_at(balancer.address).get(added).body == b"more\n", balancer.name
        static = f"{whole.root}/releases/{whole.current()}/static"
        # A file that an older release has too is that one, under its third name at least.
        new = balancer.run(f"find {static} -type f -links -3 -printf '%P\\n'").split()
        assert "journal/more.txt" in new
        assert len(new) <= 3, f"{balancer.name} was sent {new}"
        assert int(balancer.run(f"find {static} -type f | wc -l")) > 100
        left = balancer.run(f"ls {whole.root}/releases/.incoming 2>/dev/null || true")
        assert left == "", f"{balancer.name} keeps {left}"


def test_deploys_and_rollbacks_lose_no_request(whole: Fleet) -> None:
    plan = whole.load(rate=RATE)
    with constant_load(plan) as load:
        whole.deploy("v2").must_succeed()
        whole.rollback().must_succeed()
        whole.deploy("v3").must_succeed()
        whole.deploy("v1").must_succeed()
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)
    assert set(verdict.versions) == {"v1", "v2", "v3"}
    assert len({whole.current_on(machine) for machine in whole.apps}) == 1


def test_a_deploy_that_fails_on_the_third_host_returns_all_of_them(whole: Fleet) -> None:
    before = {machine.name: whole.current_on(machine) for machine in whole.apps}
    shape = whole.database.shape
    last = whole.apps[2]
    plan = whole.load(rate=RATE)
    with constant_load(plan) as load, cannot_start(last, f"{whole.name}@"):
        run = whole.deploy("v2").must_fail()
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)
    assert run.says(last.name, "does not start"), run
    assert "v2" in verdict.versions, "no host had switched before the third one failed"
    assert {machine.name: whole.current_on(machine) for machine in whole.apps} == before
    assert whole.database.shape == shape
    assert whole.play("site", "--tags", "django").must_succeed().changed == 0
    whole.deploy("v1").must_succeed()
    assert {machine.name: whole.current_on(machine) for machine in whole.apps} != before


@contextlib.contextmanager
def cannot_start(machine: Machine, template: str) -> Iterator[None]:
    """Let the units of a template start no more on one host; what runs goes on."""
    drop_in = f"/etc/systemd/system/{template}.service.d"
    fail = "[Service]\\nExecStartPre=/bin/false\\n"
    machine.run(f"mkdir -p {drop_in}; printf '{fail}' > {drop_in}/x.conf; systemctl daemon-reload")
    try:
        yield
    finally:
        machine.run(f"rm -r {drop_in}/x.conf; rmdir --ignore-fail-on-non-empty {drop_in}; systemctl daemon-reload")


def test_a_release_that_does_not_work_on_the_third_host_switches_nowhere(whole: Fleet) -> None:
    before = {machine.name: whole.started_on(machine) for machine in whole.apps}
    last = whole.apps[2]
    with cannot_start(last, f"{whole.name}-probe@"):
        run = whole.deploy("v2").must_fail()
    assert run.says(last.name, "does not start", "the proving of the release did not end well on", last.name), run
    assert {machine.name: whole.started_on(machine) for machine in whole.apps} == before, "a host has switched"


def test_a_release_that_fails_with_visitors_alone_is_taken_back_from_the_first_host(whole: Fleet) -> None:
    before = {machine.name: whole.current_on(machine) for machine in whole.apps}
    others = [whole.started_on(machine) for machine in whole.apps[1:]]
    plan = whole.load(rate=30)
    with constant_load(plan) as load:
        # Watched for longer than the fleet of the tests is by default, so that a busy machine has visitors in that time, too.
        run = whole.deploy("posts-fail", site_deploy_watch_seconds=4).must_fail()
    verdict = judge(load.finish(), whole.stored(plan))
    assert run.says("answers that visitors got from app1", "are server errors", "site_deploy_error_percent"), run
    assert {machine.name: whole.current_on(machine) for machine in whole.apps} == before
    assert [whole.started_on(machine) for machine in whole.apps[1:]] == others, "another host than the first one switched"
    assert {outcome.status for outcome in verdict.failed} == {500}, str(verdict)
    assert not verdict.acknowledged_not_stored and not verdict.stored_twice, str(verdict)
    assert whole.play("site", "--tags", "django").must_succeed().changed == 0


def test_a_new_host_gets_the_release_of_the_fleet_and_nobody_else_restarts(whole: Fleet) -> None:
    first, second, third = whole.apps
    third.run(f"systemctl stop '{whole.name}*' ; rm -rf {whole.root}/current {whole.root}/releases/* {whole.root}/history.jsonl")
    third.run(f"rm -rf /etc/systemd/system/{whole.name}*.d; systemctl daemon-reload")
    whole.write_inventory(without=[third.name])
    whole.play("site").must_succeed()
    assert set(whole.views(whole.lab.lb)) == {first.name, second.name}
    # The project has no lock: this one has installed something older for the same requirements, long ago.
    has_older_sqlparse(first, whole.root)
    whole.deploy("v2").must_succeed()
    assert sqlparse_of(whole, first, second) == {OLDER}
    started = [whole.started_on(machine) for machine in (first, second)]
    whole.write_inventory()
    plan = whole.load(rate=RATE)
    with constant_load(plan) as load:
        # The inventory asks for v1: the host is nevertheless to run what the fleet runs.
        whole.play("site", "--limit", f"{third.name},lb").must_succeed()
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)
    assert set(verdict.versions) == {"v2"}
    assert {whole.current_on(machine) for machine in whole.apps} == {whole.current()}
    assert sqlparse_of(whole, *whole.apps) == {OLDER}
    assert [whole.started_on(machine) for machine in (first, second)] == started
    for balancer in whole.lab.tier("lb"):
        whole.await_view(balancer, third.name, "UP", seconds=5)
    assert whole.play("site").must_succeed().changed == 0


OLDER = "0.5.0"


def has_older_sqlparse(machine: Machine, root: str) -> None:
    """Let a package of the release that serves call itself an older version."""
    packages = f"cd $(readlink -f {root}/current/venv)/lib/python3*/site-packages"
    machine.run(f"{packages} && sed -i 's/^Version: .*/Version: {OLDER}/' sqlparse-*.dist-info/METADATA")
    machine.run(f"{packages} && [ -d sqlparse-{OLDER}.dist-info ] || mv sqlparse-*.dist-info sqlparse-{OLDER}.dist-info")
    machine.run(f"rm -f {root}/current/venv/packages.json")


def sqlparse_of(site: Fleet, *machines: Machine) -> set[str]:
    """Which versions the releases of these hosts have."""
    ask = "from importlib.metadata import version; print(version('sqlparse'))"
    return {machine.run(f'cd / && {site.root}/current/venv/bin/python -c "{ask}"') for machine in machines}


def test_a_host_is_drained_and_comes_back_by_the_inventory(whole: Fleet) -> None:
    drained = whole.apps[1]
    plan = whole.load(rate=RATE)
    with constant_load(plan) as load:
        whole.write_inventory(said={drained.name: {"site_app_drained": True}})
        whole.play("site", "--limit", "lb", "--tags", "haproxy").must_succeed()
        before = {balancer.name: whole.views(balancer)[drained.name]["stot"] for balancer in whole.lab.tier("lb")}
        assert {whole.visitor.get("/version").status for _ in range(20)} == {200}
        after = {balancer.name: whole.views(balancer)[drained.name]["stot"] for balancer in whole.lab.tier("lb")}
        whole.write_inventory()
        whole.play("site", "--limit", "lb", "--tags", "haproxy").must_succeed()
    assert before == after, "a drained host still gets requests"
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)


WAIT = """
- name: Wait for a word
  ansible.builtin.wait_for:
    path: /run/go-on
    timeout: 60
"""


@pytest.mark.long_on_slow
@pytest.mark.about("release", "deploy", "decommission")
def test_no_host_leaves_during_a_deploy_and_the_mix_that_a_killed_one_leaves_ends_with_the_next_run(
    whole: Fleet, workspace_hook: Callable[[str], str]
) -> None:
    before = whole.current()
    deploy = whole.start("deploy", site_version="v3", site_hook_before_build=workspace_hook(WAIT))
    deploy.wait_for("Wait for a word")
    refused = whole.play("decommission", decommission_host=whole.apps[2].name).must_fail()
    assert refused.says("holds the deployment lock of fleet", "deploy v3"), refused
    assert refused.changed == 0, refused
    for machine in whole.apps:
        machine.run("touch /run/go-on")
    # In the middle: the first host has switched, the others have not, and are ready to.
    deploy.wait_for("Watch what visitors get from the batch")
    cut_off = deploy.kill()
    waiting = {machine.name: machine.run(f"ls /run/{whole.name} | grep -c waits || true") for machine in whole.apps}
    assert waiting == {"app1": "0", "app2": "1", "app3": "1"}, cut_off
    for machine in whole.apps:
        machine.run("rm /run/go-on")
    mixed = collections.Counter(whole.current_on(machine) for machine in whole.apps)
    assert len(mixed) == 2, f"{mixed} after {cut_off}"
    told = whole.play("status").must_fail()
    assert told.says("different releases", f"{before} on app2, app3", f"{whole.current_on(whole.apps[0])} on app1"), told
    assert told.says(f"playbooks/site.yml, which brings all to {before}", "waits for its turn to serve"), told
    whole.play("site").must_succeed()
    assert {whole.current_on(machine) for machine in whole.apps} == {before}
    count = (
        f"systemctl list-units --plain --no-legend '{whole.name}@*.service' | wc -l; ls /run/{whole.name} | grep waits || true"
    )
    assert {machine.run(count) for machine in whole.apps} == {"1"}, "what waited for its turn still does"
    assert whole.play("site", "--tags", "django").must_succeed().changed == 0
    whole.deploy("v1", site_requirements_renewed=True).must_succeed()
    newer = sqlparse_of(whole, *whole.apps)
    assert len(newer) == 1
    assert newer != {OLDER}, "no newer packages came, although they were asked for"
