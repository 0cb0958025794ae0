"""Each measurement of clusters works: in its short form, on the hosts of the other tests, of which no figure is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import balancing, cluster, faults, growing, publishing, tiers, wide
from bench.measure import table
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab

pytestmark = [pytest.mark.about("site", "django", "haproxy"), pytest.mark.long_on_slow]

MEASUREMENTS: dict[str, Callable[[Lab], str]] = {
    "inventory": lambda lab: growing.inventory(lab, 1),
    "fleet": lambda lab: growing.deploy(lab, 1),
    # The host that joins is not made bare: other tests need it.
    "joining": lambda lab: growing.joining(lab, 1, make_bare=lambda *_: None),
    "eight": lambda lab: wide_on(cluster.site(lab, "balanced", site_version="first")),
    "faults": lambda lab: faults.faults(lab, 1),
    "balancing": lambda lab: balancing.balancing(lab, 1, balancing.METHODS[:1]),
    "tls": lambda lab: tiers.tls(lab, 1),
    "static": lambda lab: publishing.publishing(lab, 1, commit=".", mebi=1, prefix="", suite=""),
}


def wide_on(site: Fleet) -> str:
    """Against itself: the hosts are what there is."""
    site.play("site").must_succeed()
    return table(wide.compare(1, "these", *[lambda: site.play("site").must_succeed()] * 2))


@pytest.fixture(scope="module", autouse=True)
def _repository() -> None:
    cluster.make_repository()


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_of_clusters_works(name: str, lab: Lab) -> None:
    rows = [line for line in MEASUREMENTS[name](lab).splitlines() if line.startswith("|")]
    assert len(rows) >= 3, f"{name} has measured nothing"
