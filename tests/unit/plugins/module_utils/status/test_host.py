"""One part of a host that fails or has no end is trouble of its own, and hides none of the others."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status import host
from ansible_collections.hotclub.django.plugins.module_utils.status.host import in_time, look_at_host

WANTED: dict[str, Any] = {
    "name": "shop",
    "root": "/srv/shop",
    "tiers": ["db"],
    "database": "shop",
    "backups": True,
    "minimum_free_mb": 10**9,
    "tls_port": 0,
    "certificate_days": 14,
    "internal_certificates": [],
    "balanced_hosts": [],
    "alerts": False,
    "backups_kept": "",
    "uploads_kept": "",
    "health": {"host": "shop.example.org", "path": "/", "statuses": ["200"], "seconds": 1},
}


def hangs(*_arguments: object) -> None:
    one, _other = socket.socketpair()
    with contextlib.suppress(OSError):
        one.recv(1)


def fails(*_arguments: object) -> None:
    raise KeyError("size")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what changes parts, of which each is well as yet."""
    for name in ("look_at_units", "look_at_database", "look_at_members", "look_at_backups"):
        monkeypatch.setattr(host, name, lambda *_arguments: None)
    monkeypatch.setattr(host, "PATIENCE_SECONDS", 0.1)
    return monkeypatch


@pytest.mark.parametrize(("broken", "said"), [(hangs, "no end within 0.1 s"), (fails, "KeyError: 'size'")])
def test_a_part_that_cannot_be_looked_at_hides_no_trouble(
    parts: pytest.MonkeyPatch, broken: Callable[..., None], said: str
) -> None:
    parts.setattr(host, "look_at_database", broken)
    parts.setattr(host, "look_at_backups", lambda status: status["problems"].append("the last backup failed"))
    disk, database, backups = look_at_host(WANTED, in_time)["problems"]
    assert "MiB of disk left" in disk
    assert database == f"PostgreSQL can't be looked at ({said})"
    assert backups == "the last backup failed"


def test_whoever_looks_himself_sees_what_fails(parts: pytest.MonkeyPatch) -> None:
    parts.setattr(host, "look_at_database", fails)
    with pytest.raises(KeyError):
        look_at_host(WANTED)
