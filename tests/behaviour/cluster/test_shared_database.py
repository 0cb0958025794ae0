"""A site on several hosts and one on a single server share a PostgreSQL: no run for one takes anything from the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.sites import PLAIN, Site, connection

LEAVE = "../tests/behaviour/kit/playbooks/leave_database"


class Corner(Site):
    """A site that has everything on the database's host, where its database server is another site's as well."""

    def write_inventory(self, **more: Any) -> None:
        db = self.lab.db
        tiers: dict[str, Any] = {tier: {"hosts": {db.name: {}}} for tier in ("lb", "app", "db")}
        known = {"hosts": {db.name: connection(db)}, "vars": {**self.variables, **more}, "children": tiers}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"all": known}, sort_keys=False), encoding="utf-8")

    def share(self) -> int:
        """Run the part of site.yml that is about the database, and return how much changed."""
        return self.play("site", "--tags", "postgresql").must_succeed().changed


@pytest.fixture
def corner(lab: Lab, workspace: Path) -> Iterator[Corner]:
    named = {"site_name": "corner", "site_domain": "corner.example", "site_aliases": []}
    site = Corner(lab, PLAIN, workspace / "corner", **named)
    yield site
    site.play(LEAVE).must_succeed()
    lab.db.run("cd / && runuser -u postgres -- psql -qc 'DROP DATABASE IF EXISTS corner' -c 'DROP ROLE IF EXISTS corner'")


def shared(fleet: Fleet) -> dict[str, str]:
    """What the server has in effect of that which the site on several hosts needs, and since when it runs."""
    names = ("listen_addresses", "ssl", "ssl_cert_file", "ssl_ca_file", "max_connections", "shared_buffers")
    held = {name: fleet.database.value(f"SHOW {name}") for name in names}
    certificate = "openssl x509 -noout -serial -ext subjectAltName -in /etc/postgresql/*/main/certificate/fullchain.pem"
    started = fleet.database.value("SELECT pg_postmaster_start_time()")
    return held | {"certificate": fleet.lab.db.run(certificate), "started": started}


def test_runs_for_either_site_in_any_order_take_nothing_from_the_other(whole: Fleet, corner: Corner) -> None:
    db = whole.lab.db
    before = shared(whole)
    assert before["ssl"] == "on"
    assert db.address in before["listen_addresses"]

    assert corner.share() > 0
    assert shared(whole) == before
    assert corner.share() == 0
    assert whole.play("site", "--limit", "db", "--tags", "postgresql").must_succeed().changed == 0
    assert corner.share() == 0
    assert shared(whole) == before
    assert whole.serves() == "v1"
    told = corner.database.told_to("corner", corner.secrets["database_password"])
    assert told == "corner"

    # Whoever leaves takes nothing along but what was its own.
    corner.play(LEAVE).must_succeed()
    assert shared(whole) == before
    assert not db.succeeds("ls /etc/postgresql/*/main/hotclub.d/corner.json || ls /etc/postgresql/*/main/pg_hba.d/50-corner.conf")
    assert "no pg_hba.conf entry" in corner.database.told_to("corner", corner.secrets["database_password"])
    assert corner.play(LEAVE).must_succeed().changed == 0
    assert whole.play("site", "--limit", "db", "--tags", "postgresql").must_succeed().changed == 0


def test_a_server_that_the_version_before_has_configured_keeps_what_others_need(whole: Fleet, corner: Corner) -> None:
    db = whole.lab.db
    before = shared(whole)
    # As it was left by the version before: one file of settings, and of each site its access rules alone.
    db.run("rm -r /etc/postgresql/*/main/hotclub.d")

    assert corner.share() > 0
    db.run("cd / && runuser -u postgres -- psql -qc 'SELECT pg_reload_conf()'")

    assert shared(whole) == before
    assert whole.serves() == "v1"
    whole.play("site", "--limit", "db", "--tags", "postgresql").must_succeed()
    assert shared(whole) == before
