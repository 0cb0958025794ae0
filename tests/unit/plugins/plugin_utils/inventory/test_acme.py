"""Mistakes in what an inventory says of the ACME client."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory, Rules, Setting
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("site_acme_email", "webmaster", "webmaster@example.org"),
        ("site_acme_email", "a@b.example, c@d.example", "webmaster@example.org"),
        ("site_acme_directory_url", "acme.example.org", "https://"),
        ("site_acme_directory_url", "http://acme.example.org/directory", "https://"),
        ("site_acme_directory_url", "https://acme.example.org", "a path"),
        ("site_acme_dns_plugin", "python3-certbot-dns-cloudflare", "cloudflare"),
        ("site_acme_dns_plugin", "dns-rfc2136", "rfc2136"),
        ("site_acme_ca_bundle_path", "/no/such/file.pem", "remove the line"),
    ],
)
def test_mistakes_are_named(name: str, value: str, remedy: str) -> None:
    found = list(RULES[name](value))
    assert found and remedy in found[0][1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site_acme_email", ""),
        ("site_acme_email", "webmaster@example.org"),
        ("site_acme_directory_url", "https://acme-v02.api.letsencrypt.org/directory"),
        ("site_acme_directory_url", "https://ca.internal:9000/acme/acme/directory"),
        ("site_acme_dns_plugin", "rfc2136"),
    ],
)
def test_good_values_pass(name: str, value: str) -> None:
    assert list(RULES[name](value)) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"site_acme_challenge": "dns"}, "nothing says how to change the zone"),
        ({"site_acme_challenge": "dns", "site_acme_dns_plugin": "ovh", "site_acme_dns_hook_path": "/x"}, "two ways are named"),
        ({"site_acme_dns_plugin": "ovh"}, "is not used, since site_acme_challenge is http"),
        ({"site_acme_challenge": "dns", "site_acme_dns_plugin": "ovh"}, ""),
        ({"nginx_proxy_protocol_enabled": "true"}, "balancers can't answer an authority for one another"),
        ({"nginx_proxy_protocol_enabled": "true", "site_tls_mode": "own"}, ""),
    ],
)
def test_a_challenge_that_nothing_answers_is_refused(said: dict[str, str], told: str) -> None:
    groups = {"all": ["web1", "web2"], "lb": ["web1", "web2"], "app": ["web1"], "db": ["web1"]}
    settings = [Setting("web1", name, value) for name, value in said.items()]
    lines = [
        line
        for line in check_inventory(Inventory(groups, settings, folders={"web1": "/inventory"}), Rules({}, ("site_",)))
        if "web1" in line and ("zone" in line or "site_acme_challenge is http" in line or "one another" in line)
    ]
    assert len(lines) == bool(told) and all(told in line for line in lines)
