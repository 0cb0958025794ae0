"""A fleet replaces its secrets: hosts that are a step apart accept what the others sign."""

from __future__ import annotations

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.administrator import Administrator
from tests.load import constant_load, judge


def test_a_fleet_replaces_its_secrets_and_who_is_logged_in_stays_so_on_every_host(whole: Fleet) -> None:
    left_out = whole.play("rotate", "--limit", "app1:db1", rotate_what="all").must_fail()
    assert left_out.says("This run leaves out app2, app3"), left_out

    before, login = whole.secrets, whole.database_login
    administrator = Administrator.made(whole, "regular")
    plan = whole.load(rate=20)
    with constant_load(plan) as load:
        administrator.stays_during(whole.start("rotate", rotate_what="all")).must_succeed()
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)
    assert whole.secrets["database_password"] != before["database_password"]
    assert whole.database_login != login
    assert whole.database.told_to(login, before["database_password"]) != whole.name
