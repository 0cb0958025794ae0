"""Secrets are replaced while visitors use the site, and nobody notices: not even who is logged in."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.administrator import Administrator
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

# A play or task of each step of a rotation.
PLACES = (
    "Let the site into PostgreSQL with either password",
    "Write the site's folders and environment",
    "Refuse the old password in PostgreSQL",
)


def shown(run: Run, known: dict[str, str]) -> list[str]:
    return [name for name, value in known.items() if value in run.output]


def test_secrets_are_replaced_under_load_and_who_is_logged_in_stays_so(plain: Site) -> None:
    before, login = plain.secrets, plain.database_login
    plain.at("v1")
    regular = Administrator.made(plain, "regular")
    seldom = regular.in_another_browser()
    plan = plain.load(rate=20)
    with constant_load(plan) as load:
        rotated = regular.stays_during(plain.start("rotate", "-vvv", "--diff", rotate_what="all")).must_succeed()
        after = plain.secrets
        forgot = plain.play("rotate", "-vvv", "--diff", rotate_what="old_secret_keys").must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    assert verdict.flawless, str(verdict)
    assert verdict.posts > 50, str(verdict)

    assert {after["secret_key"], after["database_password"]} & set(before.values()) == set()
    assert regular.is_logged_in(), "whoever has come back meanwhile is logged out with the old key"
    assert not seldom.is_logged_in(), "what an old key signed is still accepted"
    told = plain.database.told_to(login, before["database_password"])
    assert "not permitted to log in" in told or "authentication failed" in told, told
    assert plain.database.told_to(plain.database_login, after["database_password"]) == plain.name
    owners = plain.database.texts("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [plain.name], "tables belong to somebody else than the owner of the database"
    everything = {**before, **{f"new {name}": value for name, value in after.items()}}
    assert shown(rotated, everything) + shown(forgot, everything) == []


@pytest.mark.long_on_slow
@pytest.mark.about("rotate", "secret_rotation")
def test_a_rotation_that_is_cut_off_anywhere_is_finished_by_the_next_one(plain: Site) -> None:
    before, login = plain.secrets["database_password"], plain.database_login
    plan = plain.load(rate=20)
    cut_off = []
    with constant_load(plan) as load:
        for place in PLACES:
            run = plain.start("rotate", rotate_what="database_password")
            run.wait_for(rf"\[.*{place}.*\]")
            cut_off.append(run.kill())
            assert plain.serves(), cut_off[-1]
        finished = plain.play("rotate", rotate_what="database_password").must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    assert verdict.flawless, f"{verdict}\n{cut_off}"
    assert finished.says("the rotation of database_password has not ended"), finished
    assert plain.database_login != login, "cut-off runs began anew instead of going on"
    assert plain.database.told_to(plain.database_login, plain.secrets["database_password"]) == plain.name
    assert plain.database.told_to(login, before) != plain.name
