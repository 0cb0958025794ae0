"""A balancer drains a host and takes it back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import Server
from ansible_collections.hotclub.django.plugins.module_utils.steps import balancer_drain


class Balancer:
    """HAProxy, as far as its admin socket shows it: a status and the number of sessions for each look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, looks: dict[str, tuple[str, list[int]]]) -> None:
        self.looks, self.orders = looks, list[str]()
        monkeypatch.setattr(balancer_drain, "POLL_SECONDS", 0)
        monkeypatch.setattr(balancer_drain, "ask", lambda command: command)
        monkeypatch.setattr(balancer_drain, "servers", lambda text, site: self.view())
        monkeypatch.setattr(balancer_drain, "order", self.orders.append)

    def view(self) -> list[Server]:
        return [
            Server(name, status, 1, sessions.pop(0) if len(sessions) > 1 else sessions[0], 0, 0, "L7OK", 0)
            for name, (status, sessions) in self.looks.items()
        ]

    def module(self, servers: list[str] | None, **more: Any) -> Any:
        return SimpleNamespace(check_mode=False, params={"site": "shop", "servers": servers, "seconds": 5, **more})


def test_a_drained_host_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [3, 2, 0]), "app2": ("UP", [9])})

    assert balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], [])
    assert balancer.orders == ["set server shop/app1 state drain"]
    assert balancer.looks["app1"][1] == [0]


def test_a_host_that_is_drained_already_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("DRAIN", [0]), "app2": ("UP", [9])})

    assert not balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], ["app1"])
    assert balancer.orders == []


def test_the_last_host_that_is_up_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [0]), "app2": ("DOWN", [0])})

    with pytest.raises(Trouble, match=r"no other application host of shop up, so app1 must go on.*status\.yml"):
        balancer_drain.drain(balancer.module(["app1"]), balancer.view(), ["app1"], [])
    assert balancer.orders == []
    assert balancer_drain.drain(balancer.module(None), balancer.view(), ["app1", "app2"], []), "a balancer that leaves drains all"


def test_only_what_was_drained_by_hand_is_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("UP", [0]), "app2": ("UP", [0])})

    assert balancer_drain.make_ready(balancer.module(["app1", "app2"]), ["app1", "app2"], ["app2"])
    assert balancer.orders == ["set server shop/app2 state ready"]


def test_a_host_that_does_not_come_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    balancer = Balancer(monkeypatch, {"app1": ("DOWN", [0])})

    with pytest.raises(Trouble, match=r"app1 is DOWN \(L7OK\).*journalctl"):
        balancer_drain.make_ready(balancer.module(["app1"], seconds=0.1), ["app1"], ["app1"])
    assert balancer_drain.make_ready(balancer.module(["app1"], seconds=0), ["app1"], ["app1"]), "nobody waits"
