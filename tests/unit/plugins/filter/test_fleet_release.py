"""The release of the fleet is what most hosts run."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.filter.fleet_release import fleet_release


def host(release: str, *built: str, before: str = "") -> dict[str, Any]:
    known = {name: {"version": f"version of {name}", "commit": f"commit of {name}"} for name in (release, before) if name}
    return {"release": release, "before": before, "built": sorted({release, *built} - {""}), "known": known}


def test_the_fleet_runs_what_most_hosts_run() -> None:
    fleet = fleet_release({"a": host("r1"), "b": host("r2", "r1"), "c": host("r2", "r1")})

    assert (fleet["id"], fleet["commit"], fleet["hosts"]) == ("r2", "commit of r2", ["b", "c"])


def test_of_two_equally_common_releases_the_older_one_counts() -> None:
    assert fleet_release({"a": host("r2", "r1"), "b": host("r1", "r2")})["id"] == "r1"


def test_a_host_without_a_release_has_no_say() -> None:
    assert fleet_release({"a": host(""), "b": host("")})["id"] == ""
    assert fleet_release({"a": host(""), "b": host("r1")})["id"] == "r1"


def test_hosts_outside_of_the_run_are_asked_and_unreachable_ones_left_out() -> None:
    elsewhere = [{"item": "b", "unreachable": True, "msg": "no route"}, {"item": "c", **host("r7")}]

    assert fleet_release({"a": host("")}, elsewhere)["hosts"] == ["c"]


def test_the_way_back_is_the_fleets() -> None:
    assert fleet_release({"new": host("r3"), "a": host("r3", before="r2")}, which="before")["id"] == "r2"
