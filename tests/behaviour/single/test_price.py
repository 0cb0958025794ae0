"""What runs cost, counted without a clock, so that it can't grow unseen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.behaviour.kit.price import Price, priced
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("site", "django")]

PAYLOAD = ("hotclub.django.payload",)
# A run that finds everything as it should be: a look, and a comparison with all that the roles say.
# The host has the code: only what it is asked is sent. With its code, each call would be 0.4 MB.
NO_CHANGE = Price(calls=3, module_calls=3, payloads=PAYLOAD, bytes=150_000, task_entries=12)
DEPLOY = Price(calls=6, module_calls=6, payloads=PAYLOAD, bytes=200_000, task_entries=30)


def test_a_run_that_changes_nothing_takes_three_calls_of_one_payload(plain: Site, figure: Callable[[str], None]) -> None:
    plain.play("site").must_succeed()
    run, costs = priced(plain, "site")
    figure(f"run that changes nothing: {shown(costs)}")
    assert run.must_succeed().changed == 0, run
    assert above(costs, NO_CHANGE) == [], run


def test_a_deploy_takes_no_more_calls_than_it_did(plain: Site, figure: Callable[[str], None]) -> None:
    run, costs = priced(plain.at("v1"), "deploy", site_version="v2")
    figure(f"deploy of a commit: {shown(costs)}")
    run.must_succeed()
    assert plain.serves() == "v2"
    assert above(costs, DEPLOY) == [], run


def shown(costs: dict[str, Price]) -> str:
    return "; ".join(f"{host} {price}" for host, price in costs.items())


def above(costs: dict[str, Price], ceiling: Price) -> list[str]:
    assert costs and all(price.payloads for price in costs.values()), f"a host has not been asked anything: {shown(costs)}"
    return [f"{host} {excess}" for host, price in costs.items() for excess in price.above(ceiling)]
