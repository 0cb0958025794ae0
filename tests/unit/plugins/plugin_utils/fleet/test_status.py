"""What is wrong with a fleet as a whole."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.status import fleet_problems

from tests.unit.plugins.statuses import app, balancer


def test_a_mix_is_told_with_its_hosts_and_with_what_ends_it() -> None:
    [problem] = fleet_problems({"app1": app("r2"), "app2": app("r1"), "app3": app("r1"), "lb1": balancer()})

    assert "r1 on app2, app3; r2 on app1" in problem
    assert "playbooks/site.yml, which brings all to r1," in problem and "playbooks/deploy.yml" in problem


def test_of_an_even_mix_the_older_release_is_named() -> None:
    [problem] = fleet_problems({"app1": app("r2"), "app2": app("r1")})

    assert "brings all to r1" in problem


def test_one_release_and_hosts_without_any_are_no_mix() -> None:
    assert fleet_problems({"app1": app("r1"), "app2": app("r1"), "app3": app(""), "db1": {"tiers": ["db"]}}) == []


def test_a_large_mix_stays_short() -> None:
    [problem] = fleet_problems({"app0": app("r2")} | {f"app{number}": app("r1") for number in range(1, 201)})

    assert "app8 and 192 more" in problem and "app9" not in problem
