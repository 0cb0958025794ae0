"""What the role refuses before anything changes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused

from tests.unit.conftest import evaluate_for_role

STORAGE = {"type": "s3", "bucket": "b", "endpoint": "s3.example.org", "access_key_id": "key", "secret_access_key": "secret"}


def told(*repositories: dict[str, Any], **more: Any) -> list[str]:
    variables: dict[str, Any] = {"inventory_hostname": "db1", "pgbackrest_repositories": list(repositories)}
    variables |= {"ansible_facts": {"distribution_release": "trixie"}, **more}
    return list(refused(evaluate_for_role("pgbackrest", "{{ __pgbackrest_refusals }}", **variables)))


def test_a_place_for_backups_is_needed() -> None:
    assert told({"type": "local"}) == told({"path": "/mnt"}, STORAGE) == []
    [text] = told()
    assert "pgbackrest_repositories of db1 is empty" in text


@pytest.mark.parametrize("lacking", ["bucket", "endpoint", "access_key_id", "secret_access_key"])
def test_a_storage_that_lacks_something_is_refused(lacking: str) -> None:
    [text] = told({"type": "local"}, {name: value for name, value in STORAGE.items() if name != lacking})
    assert "incomplete storage of type s3" in text


def test_backups_are_sent_to_a_host_by_a_pgbackrest_that_can_send_them() -> None:
    keeper = {"pgbackrest_host_address": "10.0.0.51", "pgbackrest_host_name": "backup1"}
    assert told({"type": "host"}, STORAGE, **keeper) == []
    [text] = told({"type": "host"})
    assert "has one of type host, and no host keeps backups" in text
    [text] = told({"type": "host"}, **keeper, ansible_facts={"distribution_release": "bookworm"})
    assert "are to go to backup1" in text and "bookworm" in text and "type s3" in text
    [text] = told({"type": "host"}, **keeper, pgbackrest_postgresql_version="18")
    assert "PostgreSQL 18" in text
    assert told({"type": "local"}, ansible_facts={"distribution_release": "bookworm"}) == []
