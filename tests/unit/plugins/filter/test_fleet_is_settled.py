"""When nothing has to be asked of a fleet any more."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.filter.fleet_is_settled import fleet_is_settled


def survey(settled: bool = True, **answers: Any) -> dict[str, Any]:
    return {"settled": settled, "answers": {f"django.settle: {name}": answer for name, answer in answers.items()}}


@pytest.mark.parametrize(
    ("surveys", "expected"),
    [
        ([survey(run={"release": "a"})], True),
        ([survey(run={"release": "a"}), survey(serve={"release": "a", "missing": False}), survey()], True),
        # One differs; one has another release, or none yet; a balancer lacks the files.
        ([survey(run={"release": "a"}), survey(settled=False)], False),
        ([survey(run={"release": "a"}), survey(run={"release": "b"})], False),
        ([survey(run={"release": ""})], False),
        ([survey(run={"release": "a"}), survey(serve={"release": "a", "missing": True})], False),
        ([], False),
    ],
)
def test_nothing_differs_and_all_have_one_release(surveys: list[dict[str, Any]], expected: bool) -> None:
    assert fleet_is_settled(surveys) is expected
