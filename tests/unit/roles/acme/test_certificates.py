"""What is fit to be served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.roles.acme.client import (
    DAY,
    NOW,
    AcmeError,
    certificate,
    certificates,
)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"key": certificate()[1]}, "key of what was issued is another one"),
        ({"chain": "nothing"}, "is no certificate"),
    ],
)
def test_what_does_not_fit_is_not_served(settings: Any, damage: dict[str, str], told: str) -> None:
    chain, key = certificate()
    with pytest.raises(AcmeError, match=told):
        certificates.proven(settings, **{"chain": chain, "key": key, **damage}, now=NOW)


def test_what_is_for_other_names_or_has_ended_is_not_served(settings: Any) -> None:
    with pytest.raises(AcmeError, match=r"is not for www\.shop\.example\.org"):
        certificates.proven(settings, *certificate(names=["shop.example.org"]), NOW)
    with pytest.raises(AcmeError, match="has ended"):
        certificates.proven(settings, *certificate(), NOW + 81 * DAY)
