"""How much of a host the instances of a site may take."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conftest import evaluate_for_role, render_template

UNITS = ("etc/systemd/system/_site_@.service.j2", "etc/systemd/system/_site_-probe@.service.j2")
SHOP: dict[str, Any] = {"gunicorn_site_name": "shop", "inventory_hostname": "app1"}
REFUSED = "{{ __gunicorn_refusals[0].that }}"


@pytest.mark.parametrize("unit", UNITS)
def test_each_web_socket_takes_a_file(unit: str) -> None:
    text = render_template("gunicorn", unit, **SHOP, gunicorn_denied_addresses=[], gunicorn_open_files="30000")
    assert "\nLimitNOFILE=30000\n" in text


@pytest.mark.parametrize("memory_mb", [512, 1024, 2048, 65536])
def test_what_follows_from_the_host_is_never_refused(memory_mb: int) -> None:
    assert evaluate_for_role("gunicorn", REFUSED, **SHOP, ansible_facts={"memtotal_mb": memory_mb, "processor_vcpus": 4})


def test_more_workers_than_the_memory_holds_twice_are_refused_with_the_numbers() -> None:
    host: dict[str, Any] = {**SHOP, "ansible_facts": {"memtotal_mb": 2000}}
    assert evaluate_for_role("gunicorn", REFUSED, **host, gunicorn_workers="5")
    assert not evaluate_for_role("gunicorn", REFUSED, **host, gunicorn_workers="6")
    told = evaluate_for_role("gunicorn", "{{ __gunicorn_refusals[0].msg }}", **host, gunicorn_workers="6")
    assert "6 workers of 200 MiB need 2400 MiB during a deploy" in told
    assert "app1 has 2000 MiB" in told
    assert "gunicorn_worker_memory_mb" in told
