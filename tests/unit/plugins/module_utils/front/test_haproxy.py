"""What HAProxy counts for each server of a site."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.front import haproxy
from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import (
    Server,
    answered_since,
    drained_here,
    servers,
    takes_over,
    troubles,
)

from tests.unit.plugins.statuses import server

STAT = """# pxname,svname,scur,weight,status,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,check_status,last_chk,lastchg
shop,FRONTEND,0,,OPEN,0,9,0,0,0,,,
shop,app1,2,3,UP,0,{good},0,1,{bad},L7OK,,12
shop,app2,0,1,DOWN,,,,,,L4TOUT,timeout,4
other,app1,0,1,UP,0,5,0,0,0,L7OK,,12
shop,BACKEND,0,4,UP,0,9,0,0,0,,,
"""


def test_a_balancer_tells_of_each_server_of_the_site() -> None:
    first, second = servers(STAT.format(good=10, bad=1), "shop")

    assert (first.name, first.status, first.sessions, first.weight, first.requests, first.errors) == ("app1", "UP", 2, 3, 12, 1)
    assert (second.name, second.status, second.check, second.requests) == ("app2", "DOWN", "L4TOUT timeout", 0)


def test_requests_that_change_something_count_for_their_server_as_well() -> None:
    changes = "shop.changes,app1,4,3,UP,0,5,0,0,2,,,12\nshop.unchecked,app1,9,1,no check,0,9,0,0,9,,,0\n"
    first, second = servers(STAT.format(good=10, bad=1) + changes, "shop")

    assert (first.sessions, first.requests, first.errors, first.weight, first.check) == (6, 19, 3, 3, "L7OK")
    assert (second.sessions, second.requests) == (0, 0)


def test_answers_are_counted_between_two_looks() -> None:
    before, after = servers(STAT.format(good=10, bad=1), "shop"), servers(STAT.format(good=25, bad=6), "shop")

    assert answered_since(before, after, ["app1"]) == (20, 5)
    assert answered_since(before, after, ["app2"]) == (0, 0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (server("app1", "DOWN", check="L4TOUT timeout"), ["app1", "DOWN for 12 s", "L4TOUT timeout", "journalctl -u 'shop@*'"]),
        (server("app1", "DOWN 1/2"), ["app1", "DOWN"]),
        (server("app1", "MAINT"), ["app1", "MAINT", "systemctl reload haproxy"]),
        (server("app1", "DRAIN"), ["app1", "DRAIN"]),
        (server("other"), ["doesn't know app1", "playbooks/site.yml"]),
    ],
)
def test_a_host_that_should_take_requests_and_does_not_is_a_trouble(found: Server, words: list[str]) -> None:
    [trouble] = troubles([found], ["app1"], "shop")

    for word in words:
        assert word in trouble


@pytest.mark.parametrize("status", ["UP", "UP 1/3", "no check"])
def test_a_host_that_takes_requests_is_no_trouble(status: str) -> None:
    assert troubles([server("app1", status)], ["app1"], "shop") == []


def test_a_host_that_the_inventory_drains_is_no_trouble() -> None:
    assert troubles([server("app1"), server("app2", "MAINT"), server("app3", "DOWN")], ["app1"], "shop") == []


STATES = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight
5 shop 1 app1 10.0.0.21 2 0 1
5 shop 2 app2 10.0.0.22 2 8 1
5 shop 3 app3 10.0.0.23 0 5 1
"""


def test_what_was_drained_by_hand_is_told_from_what_the_inventory_drains() -> None:
    assert drained_here(STATES) == ["app2"]
    assert drained_here("") == []


@pytest.mark.parametrize(
    ("states", "leaving", "possible"),
    [
        ({"app1": "UP", "app2": "UP"}, ["app1"], True),
        ({"app1": "UP", "app2": "UP 1/2"}, ["app1"], True),
        ({"app1": "UP", "app2": "DOWN"}, ["app1"], False),
        ({"app1": "UP", "app2": "DRAIN"}, ["app1"], False),
        ({"app1": "UP"}, ["app9"], True),
    ],
)
def test_no_host_is_drained_that_nobody_stands_in_for(states: dict[str, str], leaving: list[str], possible: bool) -> None:
    found = [Server(name, status, 1, 0, 0, 0, "", 0) for name, status in states.items()]

    assert takes_over(found, leaving) is possible


def test_one_that_was_stopped_with_its_last_site_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "ADMIN_SOCKET", str(tmp_path / "admin.sock"))
    monkeypatch.setattr(haproxy, "SITES", tmp_path / "sites")
    assert not haproxy.serves_here()

    # As it leaves it behind.
    (tmp_path / "admin.sock").touch()
    (tmp_path / "sites").mkdir()
    assert not haproxy.serves_here()
    (tmp_path / "sites" / "shop.cfg").touch()
    assert haproxy.serves_here()
