"""What hosts answer when they are asked for their status."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import (
    Server,
)


def server(name: str, status: str = "UP", **more: Any) -> Server:
    facts = {"weight": 1, "sessions": 0, "requests": 0, "errors": 0, "check": "L7OK", "seconds": 12}
    return Server(name=name, status=status, **{**facts, **more})


def balancer(*servers: Server, **more: Any) -> dict[str, Any]:
    return {"tiers": ["lb"], "http": 200, "http_ms": 3, "balanced": {each.name: each.facts() for each in servers}, **more}


def app(release: str) -> dict[str, Any]:
    return {"tiers": ["app"], "release": release, "app": "running"}
