"""By which host a timer is run, paused or resumed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT

DEAD, WELL, SKIPPED = {"unreachable": True}, {"ping": "pong"}, {"skipped": True}


def told(pings: dict[str, dict[str, Any]], *limited: str) -> tuple[str, str]:
    """The host that is chosen, and what is said where there is none."""
    loader = DataLoader()
    path = CHECKOUT / "playbooks" / "vars" / "timer.yml"
    known: dict[str, Any] = loader.load_from_file(str(path), trusted_as_template=True)
    known |= {
        "site_name": "shop",
        "__site_timer_hosts": ["app1", "app2"],
        "ansible_play_hosts_all": list(limited or ("db1", "app1", "app2")),
        "hostvars": {host: {"inventory_hostname": host, "__timer_ping": ping} for host, ping in pings.items()},
    }
    templar = Templar(loader, known)
    host, said = (str(templar.template(trust_as_template(f"{{{{ {name} }}}}"))) for name in ("timer_host", "timer_no_host"))
    return host, said


@pytest.mark.parametrize(
    ("pings", "host"),
    [
        ({"db1": SKIPPED, "app1": WELL, "app2": WELL}, "app1"),
        ({"db1": SKIPPED, "app1": DEAD, "app2": WELL}, "app2"),
        ({"db1": SKIPPED, "app1": DEAD, "app2": DEAD}, ""),
    ],
)
def test_a_dead_host_keeps_nobody_from_a_timer(pings: dict[str, dict[str, Any]], host: str) -> None:
    chosen, said = told(pings)
    assert chosen == host
    assert "None of the hosts that have timers answers: app1, app2." in said


def test_a_run_that_is_limited_to_other_hosts_says_so() -> None:
    assert told({"db1": SKIPPED}, "db1") == (
        "",
        "The timers of shop are on app1, app2, and this run is limited to other hosts. Run it without --limit.",
    )
    assert told({"db1": SKIPPED, "app2": WELL}, "db1", "app2")[0] == "app2"
