"""A whole site leaves its hosts: what it had is gone or exported, and the others serve on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.sites import PLAIN, Site
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = [pytest.mark.debian12, pytest.mark.about("django", "workers", "watch", "postgresql", "decommission_site")]

NAME = "parting"
BACKUPS = f"/var/backups/hotclub/{NAME}-*"


@pytest.fixture
def parting(lab: Lab, workspace: Path, repositories: Path) -> Iterator[Site]:
    worker = {"name": "waits", "command": "sleep infinity"}
    names = {"site_name": NAME, "site_domain": f"{NAME}.example", "site_aliases": []}
    # Nobody answers there, which is no matter of the site's.
    watch = {"site_heartbeat_url": f"http://127.0.0.1:9/{NAME}"}
    site = Site(lab, PLAIN, workspace / NAME, **names, **watch, site_workers=[worker])
    site.play("site").must_succeed()
    yield site
    site.app.run(f"rm -rf {BACKUPS}")


def test_a_whole_site_leaves_with_its_data_exported_and_the_others_serve_on(plain: Site, parting: Site) -> None:
    # Its accounts stay, so that nobody else gets their numbers.
    owned = f"find /etc /srv /run /usr/local /var/lib -name '*{NAME}*' -not -type d -not -path '/etc/sysusers.d/*'"
    host = parting.app
    text_id = uuid.uuid4().hex
    assert parting.visitor.post("/", {"text_id": text_id}).status == 201
    worker = f"{NAME}-worker-waits@{parting.current()}.service"
    assert host.succeeds(f"systemctl is-active {worker} {NAME}-watch.timer")
    stored = f"SELECT count(*) FROM journal_entry WHERE text_id = '{text_id}'"
    host.run(f"install -D -o {NAME} -m 640 /etc/hostname {parting.root}/shared/media/cat.txt")

    refused = parting.play("decommission_site").must_fail()
    assert refused.says(f"write -e decommission_site={NAME}"), refused
    assert parting.visitor.get("/version").status == 200

    # A reload of nginx closes kept connections that are idle, and a request that is sent just then is the client's to repeat.
    plan = plain.load(rate=20, fresh_every=1)
    with constant_load(plan) as load:
        kept = parting.play("decommission_site", decommission_site=NAME).must_succeed()
    assert (verdict := judge(load.finish(), plain.stored(plan))).flawless, str(verdict)
    assert kept.says(f"serves {NAME} no more", "is still there", f"{parting.root}/shared"), kept
    assert parting.serves() == "" and parting.instances() == []
    assert not host.succeeds(f"systemctl is-active {worker}")
    assert parting.database.value(stored) == "1"
    assert plain.play("site").must_succeed().changed == 0

    removed = parting.play("decommission_site", decommission_site=NAME, decommission_data="removed").must_succeed()
    assert removed.says("database.dump", "uploads"), removed
    assert host.run(f"cat {BACKUPS}/uploads/media/cat.txt") == host.run("cat /etc/hostname")
    assert (
        host.run("cd / && runuser -u postgres -- psql -XAtc \"SELECT datname FROM pg_database WHERE datname = 'parting'\"") == ""
    )
    left = host.run(owned).splitlines()
    assert left == [], f"of the site there is still {left}"
    # The export is whole: what a visitor has stored comes back.
    host.run(
        f"cd / && runuser -u postgres -- sh -c 'createdb {NAME}"
        f" && pg_restore --exit-on-error --no-owner --dbname {NAME} {BACKUPS}/database.dump'"
    )
    try:
        assert parting.database.value(stored) == "1"
    finally:
        host.run(f"cd / && runuser -u postgres -- dropdb {NAME}")

    assert parting.play("decommission_site", decommission_site=NAME, decommission_data="removed").must_succeed().changed == 0
    assert plain.serves() != ""
