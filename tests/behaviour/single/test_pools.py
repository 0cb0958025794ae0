"""Requests share a few connections to the database; whether they do can change while visitors use the site."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.confinement import assert_confined
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

pytestmark = [pytest.mark.debian13, pytest.mark.about("pgbouncer", "site_pools", "database_connections", "rotate")]

SIZE = 2
POOLED = {"site_database_pool": "transaction", "site_database_pool_size": SIZE}


def through_pool(app: Machine, site: Site, account: str) -> str:
    """What an account of the host is told by the pool of the site's present login."""
    folder = f"/run/{site.name}-pool/transaction-{site.database_login}"
    query = f"psql -XAtw -h {folder} -p 6432 -U {account} -d {site.name} -c 'SELECT current_user' 2>&1 || true"
    return app.run(f"cd / && runuser -u {account} -- {query}")


def test_a_pool_comes_is_deployed_and_rotated_through_and_goes_under_load(plain: Site, app: Machine) -> None:
    plain.at("v1")
    plan = plain.load(rate=20)
    with constant_load(plan) as load:
        plain.play("site", **POOLED).must_succeed()
        connections = int(plain.database.value(f"SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^{plain.name}(-2)?$'"))
        assert 1 <= connections <= SIZE, f"{connections} connections of {plain.name} are open where {SIZE} are shared"
        plain.deploy("v2", **POOLED).must_succeed()
        before = plain.database_login
        plain.play("rotate", rotate_what="database_password", **POOLED).must_succeed()
        assert plain.database_login != before
        assert through_pool(app, plain, plain.name) == plain.name
        assert "failed" in through_pool(app, plain, "nobody"), "another account of the host is let in"
        assert_confined(app, f"{plain.name}-pool@transaction-{plain.database_login}.service", "pool")
        status = plain.play("status", **POOLED).must_succeed()
        assert status.says(f"of {SIZE} busy"), status
        again = plain.play("site", **POOLED).must_succeed()
        assert again.changed == 0, again
        plain.play("site").must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    assert verdict.flawless, str(verdict)
    assert verdict.posts > 50, str(verdict)
    left = app.run(
        f"systemctl list-units --all --plain --no-legend '{plain.name}-pool@*'; ls -d /etc/hotclub/{plain.name}-pool || true"
    )
    assert left.strip() in ("", f"ls: cannot access '/etc/hotclub/{plain.name}-pool': No such file or directory"), left
