"""A site whose database somebody else runs: a server that is in no group, with an authority of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import ROOT, Lab
from tests.behaviour.kit.sites import PLAIN, Site, inventory_of
from tests.load import constant_load, judge

pytestmark = [
    pytest.mark.debian13,
    pytest.mark.about("look", "site_status", "django", "postgresql", "backup", "rotate", "switchover"),
]

NAME, PORT, PASSWORD = "leased", 5440, "0f/the+provider"
SCRIPT = ROOT / "tests" / "behaviour" / "kit" / "managed_postgresql.sh"


class Leased(Site):
    """A site without a host in the group db."""

    def write_inventory(self, **more: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        inventory = inventory_of(self.lab, {**self.variables, **more}, ("lb", "app"))
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")


class Provided(Database):
    """A database of the second server, seen by its administrator."""

    def rows(self, query: str) -> list[list[str]]:
        command = f"runuser -u postgres -- psql -XAt -F '\t' -p {PORT} -d {self.name} -f -"
        return [line.split("\t") for line in self.machine.run(f"cd / && {command} <<'SQL'\n{query}\nSQL").splitlines()]


@pytest.fixture
def leased(lab: Lab, workspace: Path, repositories: Path) -> Iterator[Leased]:
    host = lab.app
    drop = "for version in $(ls /etc/postgresql); do pg_dropcluster --stop $version managed 2> /dev/null || true; done"
    host.run(drop)
    script = SCRIPT.read_text(encoding="utf-8")
    authority = host.run(f"sh -s {host.address} {PORT} {NAME} {PASSWORD} <<'ALL'\n{script}ALL")
    folder = workspace / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provider.pem").write_text(f"{authority}\n", encoding="utf-8")
    site = Leased(
        lab,
        PLAIN,
        folder,
        site_name=NAME,
        site_domain=f"{NAME}.example",
        site_aliases=[],
        site_database_server=f"{host.address}:{PORT}",
        site_database_ca_path=str(folder / "provider.pem"),
        site_database_password=PASSWORD,
        # The server is on the host itself for the sake of the test, and each worker counts against its connections.
        gunicorn_workers=2,
    )
    site.database = Provided(host, NAME)
    yield site
    if host.succeeds(f"test -e {site.root}/current"):
        site.play("decommission_site", decommission_site=NAME)
    host.run(drop)


def test_a_site_lives_on_a_database_that_somebody_else_runs(leased: Leased) -> None:
    wrong = "not-0f-the-provider"
    refused = leased.play("site", site_database_password=wrong).must_fail()
    assert refused.says(f"does not let {NAME} in with the password", "Correct site_database_user"), refused
    assert wrong not in refused.output and PASSWORD not in refused.output
    assert not leased.app.succeeds(f"test -e /srv/{NAME}"), "something was changed before the database was tried"

    refused = leased.play("site", site_database_ca_path="/etc/ssl/certs/ca-certificates.crt").must_fail()
    assert refused.says("not signed by the authority in site_database_ca_path", "as the provider hands it out"), refused

    leased.play("site").must_succeed()
    plan = leased.load(rate=20)
    with constant_load(plan) as load:
        leased.deploy("v2").must_succeed()
    assert (verdict := judge(load.finish(), leased.stored(plan))).flawless, str(verdict)
    assert leased.serves() == "v2" and leased.stored(plan)
    encrypted = f"SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '{NAME}'"
    assert leased.database.value(encrypted) == "t"
    # All connections are taken: the run that would set the workers lower must be possible.
    leased.database.rows(f"ALTER ROLE {NAME} CONNECTION LIMIT 0")
    again = leased.play("site", site_version="v2").must_succeed()
    assert again.changed == 0 and again.says("room for 0 connections", f'too many connections for role "{NAME}"'), again
    leased.database.rows(f"ALTER ROLE {NAME} CONNECTION LIMIT -1")

    # None of these changes anything, so they need not wait for one another.
    asked = leased.start("status")
    refusals = [
        leased.start("backup"),
        leased.start("switchover"),
        leased.start("rotate", rotate_what="database_password"),
    ]
    status = asked.wait().must_succeed()
    assert status.says("which somebody else runs", "none is made here, since site_database_server"), status
    for each in refusals:
        refused = each.wait().must_fail()
        assert refused.says(f"{leased.app.address}:{PORT}", "Nothing was changed"), refused
    left = leased.play("decommission_site", decommission_site=NAME).must_succeed()
    assert left.says(f"{leased.app.address}:{PORT} is as it was"), left
