"""The page for visitors while the site is being worked on, on every balancer."""

from __future__ import annotations

import json

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Machine


def test_visitors_get_a_page_and_allowed_addresses_the_site(whole: Fleet) -> None:
    balancers = whole.lab.tier("lb")
    allowed = whole.apps[0]
    whole.write_inventory(site_maintenance_allowed_addresses=[allowed.address])
    whole.play("maintenance", maintenance="on").must_succeed()
    try:
        for balancer in balancers:
            answer = whole.visitor_at(balancer.address).get("/version")
            assert (answer.status, answer.headers["Content-Type"]) == (503, "text/html"), answer
            assert int(answer.headers["Retry-After"]) > 0
            assert json.loads(ask_from(allowed, balancer, whole))["version"] == "v1"
        assert whole.play("maintenance", maintenance="on").must_succeed().changed == 0
    finally:
        whole.play("maintenance", maintenance="off").must_succeed()
    for balancer in balancers:
        assert whole.visitor_at(balancer.address).get("/version").status == 200


def test_a_word_that_is_neither_on_nor_off_changes_nothing(whole: Fleet) -> None:
    run = whole.play("maintenance").must_fail()
    assert run.says("-e maintenance=on, or -e maintenance=off"), run
    assert whole.serves() == "v1"


def ask_from(machine: Machine, balancer: Machine, site: Fleet) -> str:
    """What a visitor at one of the hosts gets."""
    script = (
        "import socket, ssl\n"
        f"trust = ssl.create_default_context(cadata={site.authority.read_text()!r})\n"
        f"plain = socket.create_connection(('{balancer.address}', 443), 10)\n"
        f"with trust.wrap_socket(plain, server_hostname='{site.domain}') as connection:\n"
        f"    connection.sendall(b'GET /version HTTP/1.0\\r\\nHost: {site.domain}\\r\\n\\r\\n')\n"
        "    print(b''.join(iter(lambda: connection.recv(65536), b'')).partition(b'\\r\\n\\r\\n')[2].decode())\n"
    )
    return machine.run(f"python3 - <<'END'\n{script}END")
