"""Updates that wait are counted, and old code that runs is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import Waiting
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status import upgrades


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, list[str]], dict[str, Any]]:
    """Return a function that looks at a host where an upgrade for security waits, and services run replaced code."""

    def look(days: int, services: list[str]) -> dict[str, Any]:
        monkeypatch.setattr(upgrades, "waiting", lambda _run: Waiting(3, ("nginx",), 30, days))
        monkeypatch.setattr(upgrades, "services_with_replaced_code", lambda: services)
        status: dict[str, Any] = {"problems": [], "remarks": []}
        upgrades.look_at_updates(Site("shop", Path("/srv/shop")), 14, status)
        return status

    return look


def test_upgrades_for_security_that_wait_for_long_are_a_trouble(waiting: Callable[[int, list[str]], dict[str, Any]]) -> None:
    assert waiting(14, []) == {"problems": [], "remarks": [], "updates": {"count": 3, "security": ["nginx"], "days": 30}}
    assert waiting(15, [])["problems"] == ["upgrades for security wait, the first for 15 days (nginx): run playbooks/patch.yml"]


def test_services_that_run_replaced_code_are_worth_knowing(waiting: Callable[[int, list[str]], dict[str, Any]]) -> None:
    [remark] = waiting(0, ["nginx.service", "ssh.service"])["remarks"]
    assert remark == "nginx.service still runs code that an upgrade has replaced: run playbooks/patch.yml"


def test_a_newer_interpreter_is_worth_knowing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(known: str, here: str, brought: bool = True) -> list[str]:
        monkeypatch.setattr(upgrades, "newer_known", lambda *_: known)
        monkeypatch.setattr(upgrades, "patch_release", lambda *_: here)
        monkeypatch.setattr(upgrades, "is_brought", lambda *_: brought)
        monkeypatch.setattr(Site, "current", lambda _site: "1")
        monkeypatch.setattr(Site, "describe", lambda _site, _release: {"python": "3.12.5"})
        status: dict[str, Any] = {"problems": [], "remarks": []}
        upgrades.look_at_interpreter(site, Tools("/opt/uv", "/opt/python", lambda *_: Outcome(0), {}), "python3.12", status)
        return list(status["remarks"])

    assert look("3.12.10", "3.12.5") == [
        "Python 3.12.5 was brought by uv, which knows 3.12.10: run playbooks/patch.yml, then playbooks/deploy.yml"
    ]
    assert look("", "3.12.10") == ["the release runs with Python 3.12.5, and 3.12.10 is there: run playbooks/deploy.yml"]
    assert look("", "3.12.5") == []
    assert look("", "3.13.1", brought=False) == []
