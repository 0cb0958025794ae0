"""What HAProxy counts for each server of a site."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.module_utils.front.haproxy import answered_since, servers

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


def test_answers_are_counted_between_two_looks() -> None:
    before, after = servers(STAT.format(good=10, bad=1), "shop"), servers(STAT.format(good=25, bad=6), "shop")

    assert answered_since(before, after, ["app1"]) == (20, 5)
    assert answered_since(before, after, ["app2"]) == (0, 0)
