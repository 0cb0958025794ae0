"""What a status says of a host's pools."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools
from ansible_collections.hotclub.django.plugins.module_utils.status.pools import look_at_pools

BUSY = {"database": "shop", "sv_active": "3", "sv_idle": "1", "sv_used": "1", "cl_active": "3", "cl_waiting": "2", "maxwait": "0"}
OWN = {**BUSY, "database": "pgbouncer"}


def looked_at(row: dict[str, str] | None, names: tuple[str, ...] = ("transaction-shop",)) -> dict[str, Any]:
    class Told(Pools):
        def names(self) -> list[str]:
            return list(names)

        def ask(self, name: str, question: str) -> list[dict[str, str]]:
            if row is None:
                raise ConnectionRefusedError(f"nobody listens for {name}")
            return [OWN, row] if question == "SHOW POOLS" else [{"name": "shop", "pool_size": "10"}]

    status: dict[str, Any] = {"problems": []}
    look_at_pools(Told("shop", lambda *_command: Outcome(0)), status)
    return status


def test_lent_connections_and_waiting_requests_are_counted() -> None:
    status = looked_at(BUSY)

    assert status["pool"] == {"busy": 3, "idle": 2, "waiting": 2, "clients": 5, "size": 10}
    assert status["problems"] == []


def test_a_host_without_pools_says_nothing() -> None:
    assert looked_at(BUSY, ()) == {"problems": []}


def test_long_waits_and_silence_are_trouble() -> None:
    assert "one for 4 s" in looked_at({**BUSY, "maxwait": "4"})["problems"][0]
    assert "gives no answer" in looked_at(None)["problems"][0]
