"""A host that an earlier version has converged meets this one: visitors notice nothing, and nothing is restarted needlessly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.checkouts import COMMIT, checkout
from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.operator import Playbook
from tests.behaviour.kit.sites import PLAIN, Site
from tests.load import constant_load, judge

# What this version has no reason to start anew; the site's own instance gets newer units.
UNTOUCHED = ("nginx.service", "postgresql@*-main.service", "ssh.service", "systemd-logind.service")


def test_a_host_of_an_earlier_version_meets_this_one_without_a_lost_request(
    lab: Lab, workspace: Path, repositories: Path, figure: Callable[[str], None]
) -> None:
    site = Site(lab, PLAIN, workspace / "earlier")
    Playbook([site.folder / "hosts.yml"], "site", {}, checkout=checkout(COMMIT)).wait().must_succeed()
    before = processes(site)
    plan = site.load(rate=15)
    with constant_load(plan) as load:
        first = site.play("site").must_succeed()
        second = site.play("site").must_succeed()
    verdict = judge(load.finish(), site.stored(plan))
    figure(f"a host of {COMMIT} met this version: {first.changed} tasks changed something, {verdict.requests} requests, "
           f"{len(verdict.failed)} failed, the slowest answer took {verdict.max_ms:.0f} ms")  # fmt: skip
    assert verdict.flawless, str(verdict)
    assert second.changed == 0, second
    assert processes(site) == before, first
    assert len(site.instances()) == 1
    site.deploy("v2").must_succeed()
    assert site.serves() == "v2"


def processes(site: Site) -> str:
    """The main processes of what runs beside the site, by unit."""
    names = " ".join(f"'{unit}'" for unit in UNTOUCHED)
    return site.app.run(
        f"systemctl show --property=Id,MainPID $(systemctl list-units --plain --no-legend --full {names} | cut -d' ' -f1)"
    )
