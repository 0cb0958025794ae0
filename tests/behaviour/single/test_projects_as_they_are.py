"""Projects that work on their author's machine: what is unusual about them is served as well, or told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.projects.variants import LARGE, NODE_OF_THE_FUTURE, PYTHON_OF_THE_FUTURE

# Debian 13 has the names of zones in a package of their own.
pytestmark = [pytest.mark.debian13, pytest.mark.about("django", "release_build", "release_migrate", "release_switch", "uv", "os")]

AT_HOME: dict[str, Any] = {"site_shared_paths": ["data"], "site_build_env": {"PARTS": "requirements"}}


@pytest.fixture(scope="module")
def at_home(plain: Site) -> Run:
    plain.app.run("command -v git-lfs || apt-get -o DPkg::Lock::Timeout=120 install -qq --no-install-recommends git-lfs")
    # On hosts that an earlier run has left, the second database is there already.
    plain.app.run(f"rm -rf {plain.root}/shared/data")
    return plain.deploy("at-home", **AT_HOME, site_build_commands=["true"]).must_succeed()


def test_a_project_is_served_with_everything_that_is_unusual_about_it(plain: Site, at_home: Run) -> None:
    """Requirements in three encodings, a part with a version from git's tags, a zone of old, a large file, a second database."""
    assert plain.serves() == "at-home shared 1.post1", at_home
    assert plain.visitor.get("/static/journal/picture.txt.big").text == LARGE.decode()
    assert plain.visitor.get("/?reports").json == {"reports": 0}, "the second database was not migrated"


def test_what_is_otherwise_than_the_project_may_expect_is_told(at_home: Run) -> None:
    assert at_home.says("reports.0001_initial in reports"), at_home
    assert at_home.says("The database legacy", "gets no migrations", "DATABASE_ROUTERS"), at_home
    assert at_home.says(".python-version", PYTHON_OF_THE_FUTURE, "python_version"), at_home
    assert at_home.says(f".nvmrc asks for Node {NODE_OF_THE_FUTURE}", "site_build_packages"), at_home


def test_a_changed_part_is_installed_and_the_way_back_knows_every_database(plain: Site, at_home: Run) -> None:
    plain.deploy("at-home-changed", **AT_HOME).must_succeed()
    assert plain.serves() == "at-home-changed changed 1.post1"
    refused = plain.rollback().must_fail()
    assert refused.says("reports.0002_note in reports", "--database=reports"), refused
    assert plain.serves() == "at-home-changed changed 1.post1"


COMMANDS = {
    "static": """shell -c "import os, pathlib; (pathlib.Path(os.environ['STATIC_ROOT']) / 'made.txt').write_text('made')" """,
    "migrate": """shell -c "from reports.models import Report; Report.objects.get_or_create(title='first')" """,
    "switch": """shell -c "from reports.models import Report; print('there are', Report.objects.count(), 'reports')" """,
}


def test_commands_run_when_they_can_do_their_work(plain: Site, at_home: Run) -> None:
    """With production's settings: what the first adds to the static files is served, the third finds what the second made.

    Of what the front end's build leaves, the release keeps nothing.
    """
    told = {f"site_commands_after_{moment}": [command] for moment, command in COMMANDS.items()}
    built = ["sh -c 'node --version > journal/static/journal/node.txt; npm --version >> journal/static/journal/node.txt'"]
    built += ["sh -c 'mkdir -p node_modules/left front/node_modules; test -d front/node_modules'"]
    run = plain.deploy("at-home-changed", **AT_HOME, **told, site_build_commands=built).must_succeed()
    assert plain.visitor.get("/static/journal/node.txt").text.startswith("v22."), "not the Node of .nvmrc, which Debian has not"
    assert plain.visitor.get("/static/made.txt").text == "made"
    assert plain.visitor.get("/?reports").json == {"reports": 1}, run
    assert run.says("there are 1 reports"), run
    assert plain.app.run(f"find {plain.root}/current/src/ -name node_modules; ls {plain.root}/current/src/front") == ""


@pytest.mark.parametrize(
    ("version", "served", "told"),
    [
        ("workspace", "workspace shared 1.post1 widgets", ""),
        # Its build system finds nothing to build.
        ("poetry", "poetry", "served from its source"),
        ("pylock", "pylock", ""),
    ],
)
def test_every_kind_of_lock_is_installed(plain: Site, version: str, served: str, told: str) -> None:
    run = plain.deploy(version).must_succeed()
    assert plain.serves() == served, run
    assert run.says(told), run
