"""Hosts are divided into batches as asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.filter.batches import batches

TEN = [f"app{number}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, "100%"], [1, 9]),
        ([1, "25%"], [1, 3, 3, 3]),
        (4, [4, 4, 2]),
        ("50%", [5, 5]),
        (["1", 2], [1, 2, 2, 2, 2, 1]),
    ],
)
def test_hosts_are_divided_as_asked_and_none_is_left_out(sizes: Any, expected: list[int]) -> None:
    divided = batches(TEN, sizes)

    assert [len(batch) for batch in divided] == expected
    assert [host for batch in divided for host in batch] == TEN


def test_a_batch_has_one_host_at_least() -> None:
    assert batches(["a", "b"], "10%") == [["a"], ["b"]]


def test_a_wrong_size_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="site_deploy_batch has 'half'"):
        batches(TEN, ["half"])
