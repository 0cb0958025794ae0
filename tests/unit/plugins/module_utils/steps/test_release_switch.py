"""What a switch tells of an answer that is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps.release_switch import remarks


@pytest.mark.parametrize(("status", "told"), [(200, False), (301, False), (0, False), (403, True), (404, True)])
def test_an_accepted_answer_that_is_no_page_is_remarked(tmp_path: Path, status: int, told: bool) -> None:
    check = HealthCheck(host="shop.example", path="/", statuses=("200-399", "403", "404"), seconds=1)
    instances = Instances(Site.at("shop", str(tmp_path)), check)
    instances.answered = status
    found = remarks(instances)
    assert bool(found) is told
    assert all(f"{status} to GET /" in text and "site_health_path" in text for text in found)
