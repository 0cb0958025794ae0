"""How exposed units of ours may be, as systemd-analyze counts: 0 is nothing, 10 everything. docs/security.md has the same."""

from __future__ import annotations

from tests.behaviour.kit.lab import Machine

CEILINGS = {
    "site": 2.0,
    "timer": 2.0,
    "acme": 2.0,
    "pool": 2.0,
    "nginx.service": 3.0,
    "haproxy.service": 3.0,
    "keepalived.service": 3.5,
}


def assert_exposure(machine: Machine, unit: str, ceiling: float) -> None:
    analyse = f"systemd-analyze security --no-pager --threshold={ceiling * 10:.0f} {unit}"
    assert machine.succeeds(analyse), machine.run(f"{analyse} | grep -v '^✓' || true")


def assert_confined(machine: Machine, unit: str, kind: str = "") -> None:
    """A service is below the ceiling of its kind, and its process was started that way."""
    assert_exposure(machine, unit, CEILINGS[kind or unit])
    status = machine.run(f"cat /proc/$(systemctl show --value --property MainPID {unit})/status")
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, status
