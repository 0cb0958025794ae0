"""What a look has found, as Prometheus reads it."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.status.metrics import exposition

FOUND: dict[str, Any] = {
    "release": "20261130T101500-abcdef12",
    "version": 'feature/"quoted"',
    "disk_free_mb": 2,
    "http_ms": 12,
    "certificate_days": 61,
    "workers": {"running": 3, "finishing": 0},
    "backups": {"repositories": [{"where": "/backups", "newest": {"stop": 1790000000}}, {"where": "s3", "newest": None}]},
}


def lines(status: dict[str, Any], *problems: str) -> list[str]:
    return [line for line in exposition("shop", status, problems, 1790000100.25).splitlines() if not line.startswith("#")]


def test_numbers_of_a_look_are_metrics_with_the_site_as_a_label() -> None:
    assert lines(FOUND) == [
        'hotclub_look_timestamp_seconds{site="shop"} 1790000100.25',
        'hotclub_troubles{site="shop"} 0',
        r'hotclub_release_info{site="shop",release="20261130T101500-abcdef12",version="feature/\"quoted\""} 1',
        'hotclub_disk_free_bytes{site="shop"} 2097152',
        'hotclub_answer_seconds{site="shop"} 0.012',
        'hotclub_certificate_days{site="shop"} 61',
        'hotclub_workers_running{site="shop"} 3',
        'hotclub_workers_finishing{site="shop"} 0',
        'hotclub_backup_timestamp_seconds{site="shop",repository="/backups"} 1790000000',
    ]


def test_a_trouble_is_one_series_whatever_its_figures_are() -> None:
    first, second = (lines({}, f"only {left} MiB of disk left", "nginx is inactive") for left in (12, 7))
    assert first == second
    assert first[1:] == [
        'hotclub_troubles{site="shop"} 2',
        'hotclub_trouble{site="shop",trouble="nginx does not run"} 1',
        'hotclub_trouble{site="shop",trouble="only # MiB of disk left"} 1',
    ]


def test_each_metric_says_what_it_is() -> None:
    said = exposition("shop", FOUND, ["nginx is inactive"], 0).splitlines()
    names = {line.partition("{")[0] for line in said if not line.startswith("#")}
    assert {line.split()[2] for line in said if line.startswith("# HELP")} == names
    assert {line.split()[2] for line in said if line.startswith("# TYPE") and line.endswith(" gauge")} == names
