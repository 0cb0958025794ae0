"""What a deploy tells at its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.deploy_summary import STAMP, deploy_summary


def build(seconds: float) -> dict[str, Any]:
    return {"release": {"id": "20261201T050000-1a2b3c4", "version": "v2"}, "seconds": {"source": 1.0, "packages": seconds}}


def began(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime(STAMP)


def test_it_says_from_where_to_where_with_what_and_how_long() -> None:
    told = deploy_summary(
        {"app1": build(2.0), "app2": build(4.0)},
        "shop",
        ["20261130T050000-0f0f0f0", "20261130T050000-0f0f0f0"],
        began(20),
        "https://shop.example.org/",
        {"applied": ["shop.0002_prices"], "seconds": 1.5},
    ).splitlines()
    assert told[0] == "shop serves the release."
    rows = dict(line.split(None, 1) for line in told[1:])
    assert rows["from"] == "20261130T050000-0f0f0f0"
    assert rows["to"] == "20261201T050000-1a2b3c4 (version v2)"
    assert (rows["on"], rows["migrations"], rows["address"]) == ("app1, app2", "shop.0002_prices", "https://shop.example.org/")
    assert rows["seconds"].startswith("build 5.0, migrations 1.5, static files, proof and switch 1")
    assert rows["seconds"].endswith(("20 in all", "21 in all"))


def test_a_first_release_came_from_nothing_and_what_is_not_known_is_not_told() -> None:
    told = deploy_summary({"web1": build(2.0)}, "shop", [""], began(5), migrated={"skipped": True})
    assert "from        nothing: its first release" in told
    assert "migrations  none" in told
    assert "address" not in told and "migrations 0" not in told


def test_many_migrations_are_counted() -> None:
    applied = [f"shop.{number:04}_x" for number in range(1, 31)]
    assert "migrations  30, the last shop.0030_x" in deploy_summary(
        {"web1": build(2.0)}, "shop", [""], began(5), "", {"applied": applied}
    )
