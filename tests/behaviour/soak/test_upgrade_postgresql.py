"""PostgreSQL is upgraded to another major version while visitors write, and goes back until somebody confirms it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.bare import bare_host
from tests.behaviour.kit.lab import ROOT, Lab
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import PLAIN, Site
from tests.load import constant_load, judge

# The distribution before brings the older version.
pytestmark = [pytest.mark.debian13, pytest.mark.about("postgresql", "upgrade_postgresql", "pgbackrest")]

OLDER_POSTGRESQL = ROOT / "tests" / "behaviour" / "kit" / "older_postgresql.sh"
STAND_IN = "/srv/stand-in"
CLUSTERS = "pg_lsclusters -h | tr -s ' ' | cut -d' ' -f1,2,3,4"
NEWEST_BACKUP = "cd /; runuser -u postgres -- pgbackrest --stanza=main --output=json info | python3 -c '{}'".format(
    'import json, sys; told = json.load(sys.stdin)[0]; print(told["db"][-1]["version"], told["backup"][-1]["type"])'
)


@pytest.fixture(scope="module")
def older(lab: Lab, workspace: Path, repositories: Path) -> Iterator[Site]:
    """A site on a host of its own, whose database is of the distribution before."""
    with bare_host(lab, "upgrade") as (machine, inventory):
        machine.run(f"sh -s {STAND_IN} <<'END'\n{OLDER_POSTGRESQL.read_text(encoding='utf-8')}END")
        site = Site(
            Lab([*lab.inventories[:-1], str(inventory)]),
            PLAIN,
            workspace / "upgrade",
            postgresql_version="15",
            postgresql_repository_url=f"file://{STAND_IN}",
            site_database_extensions=["pg_trgm"],
        )
        site.play("site").must_succeed()
        yield site


def upgrade_under_load(site: Site, figure: Callable[[str], None]) -> None:
    """Upgrade while visitors write; none of them fails, and what was acknowledged is there."""
    # As long as nginx waits.
    plan = site.load(rate=10, timeout_seconds=60)
    with constant_load(plan) as load:
        run = site.play("upgrade_postgresql", upgrade_to="17").must_succeed()
    verdict = judge(load.finish(), site.stored(plan))
    assert verdict.flawless, f"{verdict}\n{run!r}"
    told = " ".join(run.message.split())
    figure(f"{verdict.requests} requests, upgraded in {run.seconds:.0f} s: {re.findall('Requests waited.*? Set ', told)}")


def entry(site: Site) -> str:
    text_id = uuid.uuid4().hex
    assert site.visitor.post(site.project.entries_path, {"text_id": text_id}).status == 201
    return text_id


def has(site: Site, text_id: str) -> bool:
    return bool(site.database.texts(f"SELECT text_id FROM {site.project.entries_table} WHERE text_id = '{text_id}'"))


def killed_in(site: Site, task: str) -> None:
    """Kill an upgrade soon after one of its tasks has begun; what that does on the host may go on."""
    run = site.start("upgrade_postgresql", upgrade_to="17")
    run.wait_for(rf"\[{task}\]")
    time.sleep(at_pace(3))
    run.kill()


def test_what_is_in_the_way_of_an_upgrade_is_told_before_anything_changes(older: Site) -> None:
    refused = older.play("upgrade_postgresql").must_fail()
    assert refused.says("-e upgrade_to=17"), refused
    older.database.rows("ALTER SYSTEM SET work_mem = '5MB'")
    refused = older.play("upgrade_postgresql", upgrade_to="17").must_fail()
    assert refused.says("ALTER SYSTEM has set work_mem", "nothing was changed"), refused
    older.database.rows("ALTER SYSTEM RESET work_mem")
    assert older.play("upgrade_postgresql", "--check", upgrade_to="17").must_succeed().changed == 0
    assert older.lab.db.run(CLUSTERS) == "15 main 5432 online"
    assert not older.lab.db.succeeds("ls -d /usr/lib/postgresql/17")


def test_nobody_notices_an_upgrade_and_the_way_back_waits_for_confirmation(older: Site, figure: Callable[[str], None]) -> None:
    before = entry(older)
    upgrade_under_load(older, figure)
    assert older.lab.db.run(CLUSTERS) == "15 main 5432 down\n17 main 5432 online"
    assert older.database.value("SHOW server_version").startswith("17.")
    assert older.database.value("SHOW data_checksums") == "on"
    assert older.lab.db.run(NEWEST_BACKUP) == "17 full"
    assert has(older, before)
    lost = entry(older)

    stale = older.play("site").must_fail()
    assert stale.says('postgresql_version: "17"'), stale
    assert older.play("site", postgresql_version="17").must_succeed().changed == 0

    refused = older.play("upgrade_postgresql", upgrade_do="back").must_fail()
    assert refused.says("everything that was written since", f"upgrade_back_confirmed={older.name}"), refused
    assert has(older, lost)
    older.play("upgrade_postgresql", upgrade_do="back", upgrade_back_confirmed=older.name).must_succeed()
    assert older.lab.db.run(CLUSTERS) == "15 main 5432 online\n17 main 5432 down"
    assert has(older, before)
    assert not has(older, lost)
    assert older.lab.db.run(NEWEST_BACKUP) == "15 full"
    assert has(older, entry(older))
    assert older.play("site").must_succeed().changed == 0


def test_an_interrupted_upgrade_is_taken_up_and_confirmation_removes_what_does_not_serve(older: Site) -> None:
    refused = older.play("upgrade_postgresql", upgrade_to="17").must_fail()
    assert refused.says("a cluster 17/main already"), refused
    older.play("upgrade_postgresql", upgrade_do="confirm").must_succeed()
    assert older.lab.db.run(CLUSTERS) == "15 main 5432 online"

    killed_in(older, "Upgrade and check a copy of PostgreSQL")
    kept = entry(older)
    killed_in(older, "Exchange the PostgreSQL that serves")
    older.await_version("v1", seconds=180)
    older.play("upgrade_postgresql", upgrade_to="17").must_succeed()
    assert older.lab.db.run(CLUSTERS) == "15 main 5432 down\n17 main 5432 online"
    assert has(older, kept)
    older.play("upgrade_postgresql", upgrade_do="confirm").must_succeed()
    assert older.lab.db.run(CLUSTERS) == "17 main 5432 online"
    assert older.lab.db.run("ls /usr/lib/postgresql /var/lib/postgresql /etc/postgresql | grep 15 || true") == ""
    assert has(older, kept)
    assert older.play("upgrade_postgresql", upgrade_to="17").must_succeed().says("nothing was done")
    assert older.play("site", postgresql_version="17").must_succeed().changed == 0
