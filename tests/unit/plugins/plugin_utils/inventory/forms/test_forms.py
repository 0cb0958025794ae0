"""Forms of single values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.network import check_networks
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.settings import check_batch
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.web import check_hash_key


@pytest.mark.parametrize(("rule", "wrong"), [(check_batch, ["0"]), (check_batch, ["120%"]), (check_batch, [])])
def test_batches_that_are_none_are_refused(rule: Any, wrong: Any) -> None:
    assert list(rule(wrong))


def test_good_values_pass() -> None:
    assert not [
        *check_batch([1, "25%"]),
        *check_hash_key("header:X-Tenant"),
        *check_hash_key(""),
        *check_networks(["10.0.0.0/8"]),
    ]
    assert list(check_hash_key("X-Tenant")) and list(check_networks(["office"]))
