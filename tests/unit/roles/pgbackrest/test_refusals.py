"""What the role refuses before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused

from tests.unit.conftest import evaluate_for_role

STORAGE = {"type": "s3", "bucket": "b", "endpoint": "s3.example.org", "access_key_id": "key", "secret_access_key": "secret"}


def told(*repositories: dict[str, Any]) -> list[str]:
    variables = {"inventory_hostname": "db1", "pgbackrest_repositories": list(repositories)}
    return list(refused(evaluate_for_role("pgbackrest", "{{ __pgbackrest_refusals }}", **variables)))


def test_a_place_for_backups_is_needed() -> None:
    assert told({"type": "local"}) == told({"path": "/mnt"}, STORAGE) == []
    [text] = told()
    assert "pgbackrest_repositories of db1 is empty" in text


@pytest.mark.parametrize("lacking", ["bucket", "endpoint", "access_key_id", "secret_access_key"])
def test_a_storage_that_lacks_something_is_refused(lacking: str) -> None:
    [text] = told({"type": "local"}, {name: value for name, value in STORAGE.items() if name != lacking})
    assert "incomplete storage of type s3" in text
