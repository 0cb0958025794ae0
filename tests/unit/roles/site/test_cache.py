"""The host of the group cache: what follows for it and for the project."""

from __future__ import annotations

from tests.unit.roles.site.test_database_cluster import ONE, Known, known

__all__ = ["known"]

STORE = "[cache]\ncache1 private_address=10.0.0.61\n"
SECRETS = {"site_cache_password": "a/b", "site_broker_password": "c", "site_cache_port": 11001, "site_broker_port": 12001}


ALONE = "".join(f"[{tier}]\nweb1 private_address=10.0.0.11\n" for tier in ("lb", "app", "db", "cache"))


def test_over_a_network_they_are_reached_by_tls_and_both_ends_have_certificates(known: Known) -> None:
    hosts = ONE + STORE
    [cache] = known("[site_cache_url]", hosts, "web1", **SECRETS)

    assert cache.startswith("rediss://shop:a%2Fb@10.0.0.61:11001/0?ssl_cert_reqs=required&ssl_ca_certs=/srv/shop/etc/cache-cert")
    assert known("valkey_listen_address", hosts, "cache1", **SECRETS) == "10.0.0.61"
    assert "valkey" in known("site_host_roles", hosts, "cache1", **SECRETS)
    assert "valkey" in known("site_certificate_roles", hosts, "cache1", **SECRETS)
    assert "valkey.leave" in known("site_host_roles", hosts, "web1", **SECRETS)
    flows = known("site_flows", hosts, "cache1", **SECRETS)
    assert [flow["port"] for flow in flows if flow["to"] == "cache"] == [11001, 12001]


def test_on_one_host_nothing_goes_over_a_network(known: Known) -> None:
    assert known("[site_cache_url, site_broker_url]", ALONE, "web1", **SECRETS) == [
        "redis://shop:a%2Fb@127.0.0.1:11001/0",
        "redis://shop:c@127.0.0.1:12001/0",
    ]
    assert known("valkey_listen_address", ALONE, "web1", **SECRETS) == ""
    assert [flow for flow in known("site_flows", ALONE, "web1", **SECRETS) if flow["to"] == "cache"] == []


def test_each_can_be_switched_off_and_without_a_host_there_is_none(known: Known) -> None:
    assert known("site_stores", ALONE, "web1") == ["cache", "broker"]
    assert known("site_stores", f"{ALONE}[all:vars]\nsite_cache_enabled=false\n", "web1") == ["broker"]
    assert known("site_stores", ONE, "web1") == []
