"""What the ACME client remembers of its failures."""

from __future__ import annotations

from typing import Any

from tests.unit.roles.acme.client import (
    NOW,
    AcmeError,
    Memory,
)


def test_a_name_that_fails_is_tried_four_times_an_hour(settings: Any) -> None:
    memory = Memory.at(settings.state)
    for minute in range(4):
        assert not memory.waits_until(settings, NOW + minute * 60)
        memory.fail(AcmeError("no proof", "challenge"), settings, NOW + minute * 60)
    assert memory.waits_until(settings, NOW + 300) == NOW + 3600
    assert not memory.waits_until(settings, NOW + 3601)


def test_an_authority_that_is_down_may_be_tried_at_any_time(settings: Any) -> None:
    memory = Memory.at(settings.state)
    for minute in range(10):
        memory.fail(AcmeError("no answer", "down"), settings, NOW + minute * 60)
    assert not memory.waits_until(settings, NOW + 601)
