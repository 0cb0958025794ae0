"""An answer is judged by codes and ranges."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck


@pytest.mark.parametrize(("status", "good"), [(200, True), (302, True), (400, False), (404, True), (500, False)])
def test_an_answer_is_judged_by_codes_and_ranges(status: int, good: bool) -> None:
    assert HealthCheck("shop.example.org", "/", ["200-399", "404"], 1).accepts(status) is good
