"""Fixtures of the behaviour tests: the hosts that a scenario has converged, and sites on them.

HOTCLUB_INVENTORIES names the scenario's inventories. The tests make their own sites on the same hosts, beside the one
that the scenario has made, so that two sites on one host is what every test runs on.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import docker as engine
from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.selection import Clock, deselect
from tests.behaviour.kit.sites import ENVIRON, HASHED, PLAIN, Project, Site
from tests.behaviour.kit.visitor import Visitor
from tests.projects import variants

# Each of these takes minutes, so they come last: what lack of time leaves out is what few need, and never what a visitor sees.
# Measurements are the very last, for they leave sites of their own on the hosts.
LATE = (
    *("test_prometheus.py", "test_cache.py", "test_acme.py", "test_pools.py", "test_managed_database.py"),
    *("test_first_contact.py", "test_projects_as_they_are.py", "test_copies.py", "test_single_workers.py"),
    *("test_lynis.py", "test_bench.py"),
)
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab.from_environment()


@pytest.fixture(scope="session")
def lb(lab: Lab) -> Machine:
    return lab.lb


@pytest.fixture(scope="session")
def app(lab: Lab) -> Machine:
    return lab.app


@pytest.fixture(scope="session")
def db(lab: Lab) -> Machine:
    return lab.db


@pytest.fixture(scope="session")
def repositories() -> Path:
    """The folder of the projects' git repositories, which the hosts see as /srv/git."""
    folder = ROOT / ".lab" / "git"
    variants.build_all(folder)
    return folder


@pytest.fixture(scope="session")
def workspace(lab: Lab) -> Path:
    """Where the inventories of the tests' own sites are."""
    return ROOT / ".lab" / "behaviour" / Path(lab.inventories[-1]).resolve().parent.name


def converged(lab: Lab, workspace: Path, project: Project, **variables: Any) -> Site:
    site = Site(lab, project, workspace / project.name, **variables)
    site.play("site").must_succeed()
    return site


@pytest.fixture(scope="session")
def plain(lab: Lab, workspace: Path, repositories: Path) -> Site:
    """A fresh startproject whose settings read nothing. Its workers start afresh soon, so that they do so in every load."""
    return converged(lab, workspace, PLAIN, gunicorn_max_requests=150, gunicorn_max_requests_jitter=150)


@pytest.fixture(scope="session")
def gallery(lab: Lab, workspace: Path, repositories: Path) -> Site:
    """An ASGI project with uv.lock and settings that read DATABASE_URL and the like."""
    return converged(lab, workspace, ENVIRON)


@pytest.fixture(scope="session")
def stock(lab: Lab, workspace: Path) -> Site:
    """A project with hashed requirements and variable names of its own, deployed from a directory of the controller."""
    source = workspace / "hashed-source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "tests" / "projects" / "hashed", source, ignore=shutil.ignore_patterns("__pycache__", "db.sqlite3"))
    return converged(lab, workspace, HASHED, site_source=str(source))


@pytest.fixture(scope="session")
def visitor(plain: Site) -> Visitor:
    return plain.visitor


@pytest.fixture
def clean_schema(plain: Site) -> Iterator[Callable[[], None]]:
    """Undo what the releases with a second migration do to the database, before and after a test."""

    def clean() -> None:
        plain.database.rows("ALTER TABLE journal_entry DROP COLUMN IF EXISTS note")
        plain.database.rows("DELETE FROM django_migrations WHERE app = 'journal' AND name > '0002'")

    if plain.serves() == "additive":
        plain.deploy("v1")
    clean()
    yield clean
    plain.deploy("v1")
    clean()


@pytest.fixture
def workspace_hook(workspace: Path) -> Callable[[str], str]:
    """Write a task file for a hook, and return its path."""

    def write(text: str) -> str:
        folder = workspace / "hooks"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.yml"
        path.write_text(f"---\n{text}", encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a figure shown at the end of the run."""
    return request.config.stash.setdefault(FIGURES, []).append


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Last, so that what a scenario deselects by a marker is not named.
    deselect(config, items)
    items.sort(key=lambda item: LATE.index(item.path.name) if item.path.name in LATE else -1)
    if clock := Clock.of(config):
        config.pluginmanager.register(clock, "clock")


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    yield
    for text in config.stash.get(FIGURES, []):
        terminalreporter.write_line(text)


@pytest.fixture
def power() -> Iterator[None]:
    """Switch a lab host on again when it has switched itself off, which is how a reboot ends in a container."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for container in engine.containers(engine.OWNER_LABEL, status="exited"):
                engine.start(str(container.name))

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield
    over.set()
    watcher.join()
