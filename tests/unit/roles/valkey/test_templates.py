"""What a site's cache and broker are told, and who may ask them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused

from tests.unit.conftest import evaluate_for_role

Render = Callable[..., str]
FACTS = {"distribution_release": "trixie", "memtotal_mb": 1000}
SITE: dict[str, Any] = {
    "inventory_hostname": "web1",
    "ansible_facts": FACTS,
    "valkey_site_name": "shop",
    "valkey_cache_password": "of the cache",
    "valkey_broker_password": "of the broker",
}
FOLDER = "etc/hotclub/_site_-valkey/_purpose_"
UNIT = "etc/systemd/system/_site_-_purpose_.service.j2"


def told(render: Render, purpose: str, file: str = f"{FOLDER}/valkey.conf.j2", **more: Any) -> list[str]:
    said = {**SITE, **more}
    [item] = [one for one in evaluate_for_role("valkey", "{{ __valkey_wanted }}", **said) if one["name"] == purpose]
    return render("valkey", file, item=item, **said).splitlines()


def test_a_cache_forgets_and_a_broker_does_not(render: Render) -> None:
    cache, broker = told(render, "cache"), told(render, "broker")

    assert {"maxmemory 300mb", "maxmemory-policy allkeys-lru", "appendonly no", 'save ""'} <= set(cache)
    assert {"maxmemory 300mb", "maxmemory-policy noeviction", "appendonly yes", "appendfsync everysec"} <= set(broker)
    assert "dir /var/lib/shop-valkey/broker" in broker and "StateDirectory=shop-valkey/broker" in told(render, "broker", UNIT)
    assert not any("StateDirectory" in line for line in told(render, "cache", UNIT))


def test_without_an_address_the_host_alone_is_answered(render: Render) -> None:
    lines = told(render, "cache")

    assert {"bind 127.0.0.1", "port 6380"} <= set(lines) and not any(line.startswith("tls") for line in lines)


def test_over_a_network_both_ends_prove_who_they_are(render: Render) -> None:
    lines = told(render, "broker", valkey_listen_address="10.0.0.61", valkey_broker_port=12001)

    assert {"bind 10.0.0.61", "port 0", "tls-port 12001", "tls-auth-clients yes"} <= set(lines)


def test_the_site_alone_logs_in_and_may_change_no_setting(render: Render) -> None:
    default, site = told(render, "cache", f"{FOLDER}/users.acl.j2")

    # Off, and without a password. With fewer rights, a server would refuse to take back what it has on its disk.
    assert default == "user default reset off ~* &* +@all"
    assert site.startswith(f"user shop reset on #{hashlib.sha256(b'of the cache').hexdigest()} ")
    assert "-@admin -@dangerous" in site and "+flushdb" in site and "of the cache" not in site
    assert told(render, "broker", f"{FOLDER}/password.j2") == ["of the broker"]


@pytest.mark.parametrize(("release", "program"), [("trixie", "valkey"), ("bookworm", "redis")])
def test_the_distribution_s_own_program_is_run(render: Render, release: str, program: str) -> None:
    facts = {**FACTS, "distribution_release": release}

    assert f"ExecStart=/usr/bin/{program}-server /etc/hotclub/shop-valkey/cache/valkey.conf" in told(
        render, "cache", UNIT, ansible_facts=facts
    )
    steps = evaluate_for_role("valkey", "{{ __valkey_installation }}", **{**SITE, "ansible_facts": facts})
    assert steps[0]["packages"]["names"] == [f"{program}-server"]


def test_what_is_switched_off_loses_what_its_server_runs_by() -> None:
    said = {**SITE, "valkey_cache_enabled": False}
    steps = evaluate_for_role("valkey", "{{ __valkey_files + __valkey_running }}", **said)

    assert steps[0]["host_files"]["absent"] == [
        f"/etc/hotclub/shop-valkey/cache/{name}" for name in ("valkey.conf", "users.acl", "password")
    ]
    assert steps[-1]["host_files"]["absent"] == ["/etc/systemd/system/shop-cache.service"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"valkey_cache_memory_mb": 500}, "800 MiB together on web1"),
        ({"valkey_broker_port": 6380}, "can't both listen on port 6380"),
        ({"valkey_broker_password": ""}, "Without a password"),
        ({"valkey_broker_password": "", "valkey_broker_enabled": False}, ""),
        ({}, ""),
    ],
)
def test_what_does_not_fit_is_refused(more: dict[str, Any], said: str) -> None:
    found = list(refused(evaluate_for_role("valkey", "{{ __valkey_refusals }}", **{**SITE, **more})))

    assert len(found) == bool(said) and all(said in text for text in found)
