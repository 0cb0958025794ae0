"""The way to the primary: what each answer of Patroni means for the connections to a host."""

from __future__ import annotations

import re
from collections.abc import Callable

Render = Callable[..., str]


def rendered(render: Render) -> str:
    return render(
        "database_endpoint",
        "etc/hotclub/_site_-database/endpoint.cfg.j2",
        database_endpoint_site_name="shop",
        database_endpoint_members=[{"name": "db1", "address": "10.0.0.31"}, {"name": "db2", "address": "10.0.0.32"}],
        ansible_managed="managed",
    )


def part(text: str, name: str) -> str:
    found = re.search(rf"^{re.escape(name)}\n(?:    .*\n)+", text, re.MULTILINE)
    assert found, name
    return found[0]


def test_only_the_local_machine_may_ask(render: Render) -> None:
    assert re.findall(r"bind (\S+)", rendered(render)) == [
        "127.0.0.1:6432",
        "127.0.0.1:6433",
        "unix@/run/shop-database/verdict.sock",
    ]


def test_connections_are_cut_by_the_verdict_and_by_no_single_question(render: Render) -> None:
    primary = part(rendered(render), "backend primary")

    assert "on-marked-down shutdown-sessions" in primary and "check" not in primary
    assert "server db1 10.0.0.31:5432 track verdict.db1/db1" in primary
    assert rendered(render).count("shutdown-sessions") == 1


def test_yes_comes_before_no_and_silence_changes_nothing_unless_another_says_yes(render: Render) -> None:
    rules = [
        line.strip()
        for line in part(rendered(render), "frontend verdict").splitlines()
        if "path /db2" in line or "path" not in line
    ]

    assert [rule for rule in rules if rule.startswith("http-request")] == [
        "http-request return status 200 if { path /db2 } { srv_is_up(is_primary/db2) }",
        "http-request return status 503 if { path /db2 } { srv_is_up(is_none/db2) }",
        "http-request return status 503 if { nbsrv(is_primary) gt 0 }",
        "http-request return status 200 if { path /db2 } { srv_is_up(verdict.db2/db2) } { nbsrv(primary) eq 1 }",
        "http-request return status 503",
    ]


def test_patroni_is_believed_by_its_certificate(render: Render) -> None:
    text = rendered(render)

    for name in ("backend replicas", "backend is_primary", "backend is_none"):
        assert "check-ssl verify required ca-file /etc/hotclub/shop-database/certificate/authority.pem" in part(text, name)
        assert len(re.findall(r"verifyhost db[12]$", part(text, name), re.MULTILINE)) == 2


def test_who_waits_for_a_host_that_is_gone_is_led_to_the_next_primary(render: Render) -> None:
    defaults = part(rendered(render), "defaults")

    assert "option redispatch 1" in defaults and "timeout connect 1s" in defaults and "retries 8" in defaults
