"""Addresses that nobody could be told at are refused with what to write, and never shown."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.alerts import check_alert_urls, check_heartbeat_url


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("ops@example.org", "mailtos://"),
        ("mailto:ops@example.org", "mailtos://"),
        ("hooks.example.org/s3cret", "form of Apprise"),
        ("json:/hooks.example.org/s3cret", "form of Apprise"),
        ("https://hooks.example.org/s3cret", "jsons:// instead of https://"),
        ("http://10.0.0.5:9000/s3cret", "json:// instead of http://"),
        ("jsons://hooks.example.org/s3cret and more", "form of Apprise"),
    ],
)
def test_a_wrong_address_is_refused_with_what_to_write(url: str, remedy: str) -> None:
    [(wrong, told)] = check_alert_urls(["mailtos://ops:pw@example.org", url])
    assert "number 2" in wrong and remedy in told
    assert "s3cret" not in wrong + told and "ops@example.org has" not in wrong


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://ops:pw%21@mail.example.org?to=duty@example.net",
        "jsons://hooks.example.org/s3cret",
        "json://127.0.0.1:9000/x",
        "slack://TokenA/TokenB/TokenC/#ops",
        "https://hooks.slack.com/services/T1/B1/x",
        "https://discord.com/api/webhooks/1/x",
        "ntfys://ops",
    ],
)
def test_a_good_address_passes(url: str) -> None:
    assert not list(check_alert_urls([url]))


def test_whoever_is_named_twice_is_told_once() -> None:
    assert list(check_alert_urls(["json://a/b", "json://a/b"]))


def test_a_sign_of_life_is_asked_for_as_a_page() -> None:
    assert not [*check_heartbeat_url("https://life.example/t0k3n"), *check_heartbeat_url("")]
    for url in ("life.example/t0k3n", "file:///etc/hostname", "https://"):
        [(wrong, remedy)] = check_heartbeat_url(url)
        assert "t0k3n" not in wrong + remedy
