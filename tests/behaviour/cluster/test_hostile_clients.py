"""Clients that mean no good, where two servers stand between them and the project."""

from __future__ import annotations

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit import smuggling
from tests.behaviour.kit.lab import Machine


def test_no_request_is_smuggled_past_the_balancer(whole: Fleet, lb: Machine) -> None:
    assert smuggling.try_all(whole, lb) == {}
