"""Roles work alone, in somebody's own playbook on a bare host: the one that docs/roles.md shows."""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.kit.bare import bare_host
from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.operator import Playbook, Run
from tests.behaviour.kit.sites import REPOSITORIES

pytestmark = pytest.mark.debian13

OLDER_POSTGRESQL = ROOT / "tests" / "behaviour" / "kit" / "older_postgresql.sh"
STAND_IN = "/srv/stand-in"
DOMAIN = "journal.example.org"


@pytest.fixture
def bare(lab: Lab) -> Iterator[tuple[Machine, Path]]:
    """A host that nothing has prepared yet, and its inventory."""
    with bare_host(lab, "roles") as (machine, inventory):
        yield machine, inventory


def own_playbook(folder: Path) -> str:
    """Write the playbook of the documentation to a file, and return how the operator names it."""
    [text] = re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs" / "roles.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.yml").write_text(f"---\n{text}", encoding="utf-8")
    return os.path.relpath(folder / "own", ROOT / "playbooks")


def of_the_lab(machine: Machine) -> dict[str, Any]:
    """What the lab's network needs besides."""
    authorities = machine.variables.get("site_ca_bundle_path")
    if not authorities:
        return {}
    on_the_host = "/etc/ssl/certs/ca-certificates.crt"
    return {
        "os_ca_bundle_path": authorities,
        "python_ca_bundle_path": on_the_host,
        "django_build_environment": {"SSL_CERT_FILE": on_the_host},
    }


def asked(machine: Machine, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(machine.address, timeout=10)
    connection.request("GET", path, headers={"Host": DOMAIN})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_roles_serve_a_project_without_the_rest_and_on_another_postgresql(
    bare: tuple[Machine, Path], workspace: Path, repositories: Path
) -> None:
    machine, inventory = bare
    machine.run(f"sh -s {STAND_IN} <<'END'\n{OLDER_POSTGRESQL.read_text(encoding='utf-8')}END")
    playbook = own_playbook(workspace / "roles")
    said = {"django_source": f"{REPOSITORIES}/plain.git", "django_source_version": "v1", **of_the_lab(machine)}

    def run(**more: str) -> Run:
        return Playbook([inventory], playbook, {**said, **more}).wait()

    refused = run(postgresql_repository_url=f"file://{STAND_IN}/nothing").must_fail()
    assert refused.says("postgresql_repository_url"), refused
    assert not machine.succeeds("ls -d /usr/lib/postgresql /srv/journal"), "something was installed nevertheless"

    run(postgresql_repository_url=f"file://{STAND_IN}").must_succeed()
    status, body = asked(machine, "/version")
    assert (status, json.loads(body)["version"]) == (200, "v1")
    assert machine.run("ls /usr/lib/postgresql") == "15"
    assert machine.run("runuser -u postgres -- psql -At -d journal -c 'SHOW server_version'").startswith("15.")
    assert machine.run("timedatectl show --property Timezone --value") == "Europe/Berlin"

    assert run(postgresql_repository_url=f"file://{STAND_IN}").must_succeed().changed == 0
    assert asked(machine, "/version")[0] == 200
