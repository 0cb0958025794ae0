"""The hosts that Prometheus asks, and the rules for its alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.filter.metrics_targets import metrics_targets

from tests.unit.conftest import CHECKOUT
from tests.unit.roles.site.test_database_cluster import ONE, Known, known

__all__ = ["known"]

Render = Callable[..., str]
FOLDER = "etc/hotclub/prometheus"
PATH = {"__prometheus_path": f"/{FOLDER}", "ansible_managed": "Ansible managed", "prometheus_site_name": "shop"}


def test_each_host_is_asked_once_at_the_address_of_its_exporter() -> None:
    app1, db1 = {"name": "app1", "address": "10.0.0.21"}, {"name": "db1", "address": "fd00::31"}
    assert metrics_targets({"lb": [app1], "app": [app1], "db": [db1]}, 9100) == [
        {"name": "app1", "address": "10.0.0.21:9100", "tiers": ["lb", "app"]},
        {"name": "db1", "address": "[fd00::31]:9100", "tiers": ["db"]},
    ]
    assert metrics_targets({"app": [app1], "monitoring": [app1]}, 9100)[0]["address"] == "127.0.0.1:9100"


def test_the_targets_are_json_with_the_site_and_the_host_as_labels(render: Render) -> None:
    hosts = [
        {"name": "app1", "address": "10.0.0.21:9100", "tiers": ["app", "worker"]},
        {"name": "db1", "address": "x:1", "tiers": []},
    ]
    said = json.loads(render("prometheus", f"{FOLDER}/targets/_site_.json.j2", prometheus_hosts=hosts, **PATH))
    assert said[0] == {"targets": ["10.0.0.21:9100"], "labels": {"site": "shop", "host": "app1", "tiers": "app,worker"}}
    assert [group["targets"] for group in said] == [["10.0.0.21:9100"], ["x:1"]]


def test_each_alert_is_about_the_site_alone_and_leads_to_its_paragraph(render: Render) -> None:
    said = yaml.safe_load(render("prometheus", f"{FOLDER}/rules/_site_.yml.j2", prometheus_look_seconds=1500, **PATH))
    [group] = said["groups"]
    page = (CHECKOUT / "docs/metrics.md").read_text(encoding="utf-8")
    for rule in group["rules"]:
        assert 'site="shop"' in rule["expr"] and "{{ $labels.host }}" in rule["annotations"]["summary"]
        base, _hash, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert base.endswith("/docs/metrics.md") and anchor == rule["alert"].lower()
        assert f"### {rule['alert']}\n" in page, rule["alert"]
    assert group["name"] == "shop"


def test_the_main_file_names_no_site(render: Render) -> None:
    said = yaml.safe_load(render("prometheus", f"{FOLDER}/prometheus.yml.j2", **{**PATH, "prometheus_site_name": "never"}))
    assert said["rule_files"] == [f"/{FOLDER}/rules/*.yml"] and "never" not in str(said)


@pytest.mark.parametrize(
    ("more", "role"), [("", "prometheus"), ("[all:vars]\nsite_prometheus_enabled=false\n", "prometheus.leave")]
)
def test_it_runs_on_the_hosts_that_watch(known: Known, more: str, role: str) -> None:
    hosts = f"{ONE}[monitoring]\nwatch1 private_address=10.0.0.61\n{more}"
    assert role in known("site_host_roles", hosts, "watch1") and "watch" in known("site_host_roles", hosts, "watch1")
    assert "prometheus.leave" in known("site_host_roles", hosts, "db1") and known("watch_metrics", hosts, "db1") is True
    targets: list[dict[str, Any]] = known("prometheus_hosts", hosts, "watch1")
    assert {"name": "db1", "address": "10.0.0.31:9100", "tiers": ["db"]} in targets
    assert known("site_look.alerts", hosts, "watch1", site_domain="x") is (not more)
