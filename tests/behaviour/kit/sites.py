"""The sites that the tests make on the hosts, each from its own inventory, as its operator would have it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lab.pace import pace
from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import TIERS, Lab, Machine
from tests.behaviour.kit.operator import Playbook, Run
from tests.behaviour.kit.pace import at_pace, bearable
from tests.behaviour.kit.visitor import Visitor
from tests.load import Plan

# Where the lab's hosts see the repositories that tests.projects.variants makes.
REPOSITORIES = "file:///srv/git"
FIRST_ANSWER_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Project:
    """What the tests must know of a project; none of it is told to the collection."""

    name: str
    entries_path: str
    entries_table: str
    variables: Mapping[str, Any]


PLAIN = Project(
    name="plain",
    entries_path="/",
    entries_table="journal_entry",
    variables={
        "site_name": "plain",
        "site_domain": "plain.example",
        "site_aliases": ["www.plain.example"],
        "site_source": f"{REPOSITORIES}/plain.git",
        "site_version": "v1",
    },
)

ENVIRON = Project(
    name="environ",
    entries_path="/entries",
    entries_table="pictures_picture",
    variables={
        "site_name": "gallery",
        "site_domain": "gallery.example",
        "site_source": f"{REPOSITORIES}/environ.git",
        "site_version": "v1",
        "site_interface": "asgi",
    },
)

HASHED = Project(
    name="hashed",
    entries_path="/items",
    entries_table="stock_item",
    variables={
        "site_name": "stock",
        "site_domain": "stock.example",
        # The source, a directory on the controller, is put in by the fixture.
        "site_settings_mode": "project",
        "site_settings_module": "config.settings.production",
        "site_health_path": "/healthz",
        "site_health_statuses": ["200"],
        "site_database_extensions": ["pg_trgm"],
        "site_env": {
            "DB_HOST": "{{ site_database_host }}",
            "DB_NAME": "{{ site_database_name }}",
            "DB_USER": "{{ site_database_login }}",
            "DB_PASSWORD": "{{ site_database_password }}",
            "APP_SECRET": "{{ site_secret_key }}",
            "APP_HOSTS": "stock.example",
            "APP_ASSETS_DIR": "${STATIC_ROOT}",
        },
        "site_static_url": "/assets/",
    },
)


# What `startproject` of Django 6.1 writes, which has no page but its administration.
FRESH = Project(
    name="fresh",
    entries_path="/admin/login/",
    entries_table="auth_user",
    variables={
        "site_name": "atelier",
        "site_domain": "atelier.example",
        "site_source": f"{REPOSITORIES}/fresh.git",
        "site_version": "v1",
    },
)


class Site:
    """One site: its operator, its visitors and its database."""

    def __init__(self, lab: Lab, project: Project, folder: Path, **variables: Any) -> None:
        self.lab = lab
        self.project = project
        self.folder = folder
        # No public authority reaches a lab host.
        self.variables = {"site_tls_mode": "internal", **slow_machine(), **project.variables, **variables}
        self.write_inventory()

    @property
    def name(self) -> str:
        return str(self.variables["site_name"])

    @property
    def domain(self) -> str:
        return str(self.variables["site_domain"])

    @property
    def root(self) -> str:
        return f"/srv/{self.name}"

    @property
    def app(self) -> Machine:
        return self.lab.app

    @cached_property
    def visitor(self) -> Visitor:
        return self.visitor_at(self.lab.lb.address)

    def visitor_at(self, address: str) -> Visitor:
        """A visitor of one balancer, who trusts the site's own authority and no other."""
        return Visitor(address, self.domain, self.authority)

    @property
    def authority(self) -> Path:
        """The certificate of the site's own authority, where the operator has it."""
        return self.folder / ".secrets" / self.name / "authority" / "authority.crt"

    @cached_property
    def database(self) -> Database:
        return Database(self.lab.db, self.name)

    @property
    def secrets(self) -> dict[str, str]:
        """What the collection generated for the site, by the file beside the inventory that holds it."""
        found = {}
        for name, lines in self._secret_files().items():
            found[name] = lines[0].split()[0]
            others = [line.split() for line in lines[1:]]
            values = [value for word, value in others if word in ("following", "earlier")]
            found.update({f"{name} {number}": value for number, value in enumerate(values)})
        return found

    @property
    def database_login(self) -> str:
        """The account with which the site logs in at its database: the second one after each odd rotation."""
        turns = [int(line.split()[1]) for line in self._secret_files()["database_password"] if line.startswith("turn ")]
        return f"{self.name}-2" if sum(turns) % 2 else self.name

    def _secret_files(self) -> dict[str, list[str]]:
        # What has a hidden name is none: the day from which HSTS grows.
        paths = (self.folder / ".secrets" / self.name).iterdir()
        files = sorted(path for path in paths if path.is_file() and not path.name.startswith("."))
        return {file.name: file.read_text(encoding="utf-8").splitlines() for file in files}

    def write_inventory(self, **more: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        inventory = inventory_of(self.lab, {**self.variables, **more})
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    # The operator's verbs.

    def start(self, playbook: str, *options: str, **variables: Any) -> Playbook:
        return Playbook([self.folder / "hosts.yml"], playbook, variables, options)

    def play(self, playbook: str, *options: str, **variables: Any) -> Run:
        return self.start(playbook, *options, **variables).wait()

    def deploy(self, version: str, *options: str, **variables: Any) -> Run:
        return self.play("deploy", *options, site_version=version, **variables)

    def rollback(self, release: str = "") -> Run:
        return self.play("rollback", **({"rollback_release": release} if release else {}))

    def at(self, version: str) -> Site:
        """The site, serving this version: deployed now unless it serves it already."""
        if self.serves() != version:
            self.deploy(version).must_succeed()
            assert self.serves() == version, f"{self.name} was to serve {version} and serves {self.serves()}"
        return self

    # What it does.

    def serves(self) -> str:
        """The version that a visitor gets; empty when there is no such answer."""
        try:
            answer = self.visitor.get("/version")
        except OSError:
            return ""
        return str(answer.json["version"]) if answer.status == 200 else ""

    def await_version(self, version: str, seconds: float = FIRST_ANSWER_SECONDS) -> None:
        seconds = at_pace(seconds)
        deadline = time.monotonic() + seconds
        while (served := self.serves()) != version:
            assert time.monotonic() < deadline, f"{self.name} still serves {served!r} and not {version!r} after {seconds:.0f} s"
            time.sleep(0.5)

    def load(self, rate: float = 60, seconds: float = 900, **said: Any) -> Plan:
        """A load on the site for as long as a `constant_load` block runs, half of it POSTs.

        At most half of what the site serves while nothing else happens to it: what is lost then was not lost to a busy machine.
        """
        url = f"https://{self.visitor.address}{self.project.entries_path}"
        plan = Plan(url=url, host=self.domain, authority=str(self.authority), rate=rate, seconds=seconds)
        return bearable.plan(dataclasses.replace(plan, **said))

    def stored(self, plan: Plan) -> list[str]:
        """The ids of a load that are in the database, each as often as it is there."""
        return self.database.texts(f"SELECT text_id FROM {self.project.entries_table} WHERE text_id LIKE '{plan.id_prefix}-%'")

    def current(self) -> str:
        return self.app.run(f"basename $(readlink {self.root}/current)")

    def releases(self) -> list[str]:
        return self.app.run(f"ls -1 {self.root}/releases").split()

    def describe(self, release: str) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(self.app.run(f"cat {self.root}/releases/{release}/RELEASE.json"))
        return described

    def instances(self) -> list[str]:
        """The units that serve now."""
        return self.app.run(
            f"systemctl list-units --plain --no-legend --full --state=active,activating '{self.name}@*.service' | cut -d' ' -f1"
        ).split()


def slow_machine() -> dict[str, Any]:
    """What an operator of slow hosts would set: a release has its 30 s for the first answer on a quick one."""
    return {"site_health_timeout_seconds": round(at_pace(30))} if pace().is_slow else {}


def inventory_of(lab: Lab, variables: Mapping[str, Any], tiers: Sequence[str] = TIERS) -> dict[str, Any]:
    """An inventory with the lab's own hosts and connections, and a site of our own."""
    return {
        "all": {
            "hosts": {name: connection(machine) for name, machine in lab.machines.items()},
            "vars": dict(variables),
            "children": {tier: {"hosts": {machine.name: {} for machine in lab.tier(tier)}} for tier in tiers},
        }
    }


def connection(machine: Machine) -> dict[str, Any]:
    """How to reach the host, and what belongs to the machine rather than to a site."""
    of_the_machine = (
        *("site_ca_bundle_path", "site_package_index_url"),
        *("site_database_authority_path", "site_database_authority_passphrase"),
    )
    return {name: value for name, value in machine.variables.items() if name in of_the_machine or not name.startswith("site_")}


def own_database(variables: dict[str, Any]) -> dict[str, Any]:
    """What is said of a host whose database no other site uses."""
    return {name: value for name, value in variables.items() if not name.startswith("site_database_")}
