"""A host of the group monitoring runs Prometheus, for those who are on that host alone."""

from __future__ import annotations

import json
import shlex
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("prometheus", "exporter", "watch", "site_watch")]

RULES = Path(__file__).parents[1] / "kit" / "prometheus_rules.yml"
PAGE = "https://github.com/hotclub/django/blob/main/docs/metrics.md"
UNIT = "hotclub-prometheus.service"


@pytest.fixture
def watched(plain: Site) -> Iterator[Site]:
    """The site on a server that watches itself."""
    plain.write_inventory()
    path = plain.folder / "hosts.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    inventory["all"]["children"]["monitoring"] = {"hosts": {plain.app.name: {}}}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    yield plain
    plain.write_inventory()
    plain.play("site").must_succeed()


def query(site: Site, expression: str) -> dict[str, str]:
    """What Prometheus knows now: the labels of the first series, and its value."""
    found = json.loads(site.app.run(f"promtool query instant -o json http://127.0.0.1:9090 {shlex.quote(expression)}"))
    return {**found[0]["metric"], "value": found[0]["value"][1]} if found else {}


def awaited(site: Site, expression: str) -> dict[str, str]:
    """What Prometheus knows once it does: it asks every half minute."""
    deadline = time.monotonic() + at_pace(90)
    while not (found := query(site, expression)):
        assert time.monotonic() < deadline, f"no series of {expression}"
        time.sleep(1)
    return found


def test_prometheus_knows_the_hosts_and_what_they_find_and_goes_with_the_group(watched: Site) -> None:
    site = watched
    site.play("site").must_succeed()
    assert site.play("site").must_succeed().changed == 0
    site.app.run(f"systemctl start {site.name}-watch.service")
    release = awaited(site, f'hotclub_release_info{{site="{site.name}"}}')
    assert (release["release"], release["host"]) == (site.current(), site.app.name)
    assert query(site, f'up{{site="{site.name}"}}')["value"] == "1"
    assert query(site, f'node_memory_MemTotal_bytes{{site="{site.name}"}}')["tiers"] == "lb,app,db,monitoring"
    assert query(site, f'hotclub_troubles{{site="{site.name}"}}')["value"] == "0"
    site.play("status").must_succeed()

    with pytest.raises(OSError, match=r"refused|timed out"):
        urllib.request.urlopen(f"http://{site.app.address}:9090/", timeout=3)
    assert_exposure(site.app, UNIT, 2.0)
    tests = RULES.read_text(encoding="utf-8").replace("SITE", site.name).replace("PAGE", PAGE)
    site.app.run(f"printf %s {shlex.quote(tests)} > /run/rules.yml && promtool test rules /run/rules.yml")

    site.app.run(f"systemctl stop {UNIT}")
    assert site.play("status").must_fail().says("Prometheus gives no answer", UNIT)
    # Another run puts it right; without the group all of it is gone.
    assert site.play("site").must_succeed().changed == 1
    site.write_inventory()
    site.play("site").must_succeed()
    assert site.app.run(f"systemctl is-enabled {UNIT} hotclub-exporter.service {site.name}-watch.timer; true").split() == [
        "disabled",
        "disabled",
        "not-found",
    ]
    assert (
        site.app.run(f"ls /etc/hotclub/prometheus/targets /var/lib/prometheus/node-exporter | grep -F {site.name} || true") == ""
    )
