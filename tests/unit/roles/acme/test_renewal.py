"""When the ACME client asks for a certificate."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import failing_renewal
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.unit.roles.acme.client import (
    DAY,
    DIRECTORY,
    NOW,
    AcmeError,
    Memory,
    issue,
    reasons,
    renewal,
)


def test_a_certificate_that_is_as_it_should_be_is_no_reason_to_ask(settings: Any) -> None:
    issue(settings)
    assert reasons(settings) == []


def test_it_asks_when_there_is_none(settings: Any) -> None:
    assert reasons(settings) == ["there is none yet"]


@pytest.mark.parametrize(("left", "asks"), [(31, False), (29, True), (-1, True)])
def test_it_asks_in_the_last_third_of_a_certificates_life(settings: Any, left: int, asks: bool) -> None:
    issue(settings, begins=NOW + (left - 90) * DAY, ends=NOW + left * DAY)
    assert bool(reasons(settings)) is asks


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"names": ["shop.example.org"]}, "it is for shop.example.org, www.shop.example.org"),
        ({"directory": "https://other.example.org/directory"}, f"it is from {DIRECTORY}"),
        ({"key_type": "rsa"}, "its key is ecdsa"),
    ],
)
def test_it_asks_when_something_else_is_wanted(settings: Any, changes: dict[str, Any], told: str) -> None:
    issue(settings)
    assert reasons(dataclasses.replace(settings, **changes)) == [told]


def test_the_key_of_an_older_certificate_is_recognised(settings: Any) -> None:
    issue(settings, key=rsa.generate_private_key(65537, 2048))
    assert reasons(dataclasses.replace(settings, key_type="rsa")) == []


def test_an_authority_that_asked_for_a_pause_is_left_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(_: Any) -> None:
        asked.append(1)
        raise AcmeError("asked too often", "limited", time.time() + 600)

    monkeypatch.setattr(renewal, "refuse_unreachable", lambda _: None)
    monkeypatch.setattr(renewal, "ask", refuse)
    for _ in range(3):
        with pytest.raises(AcmeError, match="asked too often"):
            renewal.renew(settings)
    assert asked == [1]
    assert renewal.look(settings)["waits_until"]

    # Asked otherwise, it is another question.
    monkeypatch.setattr(renewal, "ask", lambda _: issue(settings))
    renewal.renew(dataclasses.replace(settings, directory="https://other.example.org/directory"))


def test_a_failure_is_forgotten_when_nothing_is_missing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issue(settings, begins=time.time() - DAY, ends=time.time() + 80 * DAY)
    Memory.at(settings.state).fail(AcmeError("no answer\nmore", "down"), settings, NOW)
    root = settings.state.parents[0]
    (root / "var/lib/hotclub-acme").mkdir(parents=True)
    (root / "var/lib/hotclub-acme/shop").symlink_to(settings.state)
    assert failing_renewal("shop", root) == "no answer"
    renewal.renew(settings)
    assert failing_renewal("shop", root) == ""


@pytest.mark.parametrize(("turn", "left", "asks"), [(0, 29, True), (1, 29, False), (1, 26, True), (9, 16, False), (9, 14, True)])
def test_the_others_wait_longer_than_the_first(settings: Any, turn: int, left: int, asks: bool) -> None:
    issue(settings, begins=NOW + (left - 90) * DAY, ends=NOW + left * DAY)
    assert bool(reasons(dataclasses.replace(settings, turn=turn))) is asks
