"""What hosts are told of a run, and what they are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet import verbs


@pytest.mark.parametrize(
    ("given", "verb"),
    [
        ({"args": ("playbooks/deploy.yml",)}, "deploy"),
        ({"args": ("hotclub.django.deploy", "/srv/ours/night.yaml")}, "deploy, night"),
        ({"args": "web1", "module_name": "hotclub.django.site_hold"}, "ansible -m hotclub.django.site_hold"),
        ({}, ""),
    ],
)
def test_a_verb_is_what_was_called(given: dict[str, Any], verb: str) -> None:
    assert verbs.verb(given) == verb


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("site_version=v2 rollback_release=r1", {"site_version": "v2", "rollback_release": "r1"}),
        ("site_secret_key=abc", {"site_secret_key": "***"}),
        ("shop_pin=1234", {"shop_pin": "***"}),
        ('{"site_env": {"PIN": "1234"}, "site_interface": "asgi"}', {"site_env": "***", "site_interface": "asgi"}),
        ("@secrets.yml", {"@secrets.yml": ""}),
        ("site_source=https://ann:pw@git.example/shop.git", {"site_source": "https://***@git.example/shop.git"}),
        ("manage_command='changepassword --password 1234'", {"manage_command": "changepassword"}),
        ("manage_environment=PIN=1234", {"manage_environment": "***"}),
        ("site_domain=" + "x" * 101, {"site_domain": "x" * 100 + "..."}),
        ('{"torn": ', {}),
    ],
)
def test_arguments_are_told_without_what_may_be_secret(said: str, told: dict[str, str]) -> None:
    assert verbs.arguments({"extra_vars": (said,)}) == told


def test_where_a_run_was_limited_is_told() -> None:
    given = {"subset": "web1", "tags": ("configure",), "skip_tags": (), "extra_vars": ()}
    assert verbs.arguments(given) == {"--limit": "web1", "--tags": "configure"}
    assert verbs.arguments({"subset": None, "tags": ("all",)}) == {}


def test_a_run_has_one_name_for_all_its_hosts() -> None:
    first, second = verbs.run_for({"site_name": "shop"}), verbs.run_for({"site_name": "shop"})
    assert first == second
    assert first["site"] == "shop"
    assert "@" in first["by"]
