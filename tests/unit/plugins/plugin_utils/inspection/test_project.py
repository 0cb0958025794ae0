"""What inspect says of projects: the same as their builds, and the lines with which they are deployed."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.sites import HASHED
from tests.unit.plugins.plugin_utils.inspection.conftest import Inspect


@pytest.mark.parametrize("project", ["plain", "fresh", "environ"])
def test_a_project_that_needs_nothing_is_told_nothing(variant: Inspect, project: str) -> None:
    found = variant(project)

    assert found.lines == {}
    assert found.stops == []
    assert found.unserved == []


def test_the_lines_are_those_with_which_a_project_is_deployed(variant: Inspect) -> None:
    lines = variant("hashed").lines

    deployed = HASHED.variables
    assert lines["site_settings_module"] == deployed["site_settings_module"]
    assert lines["site_static_url"] == deployed["site_static_url"]
    assert sorted(lines["site_env"]) == sorted(deployed["site_env"])
    database = {name: value for name, value in deployed["site_env"].items() if name.startswith("DB_")}
    assert {name: lines["site_env"][name] for name in database} == database
    assert lines["site_env"]["APP_ASSETS_DIR"] == "${STATIC_ROOT}"


def test_an_inventory_that_has_the_lines_is_told_none(variant: Inspect) -> None:
    assert variant("hashed", **HASHED.variables).lines == {}


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("settings-assigned", "mysite/wsgi.py:"),
        ("migrations-ignored", "journal has models and no migrations"),
        ("old-gunicorn", "gunicorn 20.1.0, which the project's requirements name, can't be imported"),
        ("no-manage", "The source has no manage.py that names a settings module."),
        ("python-too-new", "requires Python >=3.99"),
    ],
)
def test_what_a_build_refuses_is_said_beforehand(variant: Inspect, tag: str, said: str) -> None:
    assert [str(stop) for stop in variant("plain", tag).stops if said in str(stop)] != []


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("workspace", "uv.lock, read by uv, exactly as locked"),
        ("poetry", "poetry.lock, read by Poetry, exactly as locked"),
        ("pylock", "pylock.toml, read by uv, exactly as locked"),
    ],
)
def test_each_kind_of_lock_is_read_by_its_tool(variant: Inspect, tag: str, said: str) -> None:
    found = variant("plain", tag)

    assert said in found.facts["requirements"][0]
    assert any("Django 5.2" in text for text in found.facts["requirements"])
    assert found.stops == []


def test_what_works_at_home_is_understood(variant: Inspect) -> None:
    found = variant("plain", "at-home", site_build_env={"PARTS": "requirements"})

    assert found.stops == []
    assert found.lines["site_build_packages"] == ["git-lfs"]
    assert found.lines["site_shared_paths"] == ["data"]
    assert "parts of it are installed out of the source, into a virtualenv of each release" in found.facts["requirements"]


def test_one_of_several_projects_is_proposed(inspected: Inspect) -> None:
    manage = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.settings")\n'
    found = inspected({"manage.py": "", "example/manage.py": manage, "services/api/manage.py": manage})

    assert "several projects: example, services/api" in found.stops[0].cause
    assert found.lines["site_project_path"] == "services/api"


def test_requirements_of_production_are_found_in_their_folder(inspected: Inspect) -> None:
    files = {"requirements/base.txt": "Django\n", "requirements/production.txt": "-r base.txt\nmysqlclient\n"}
    found = inspected({**files, "requirements.txt": None})

    assert found.lines["site_requirements_file"] == "requirements/production.txt"
    assert "default-libmysqlclient-dev" in found.lines["site_build_packages"]


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (">=3.10", ""),
        (">=3.12", '# python_version: "3.13"   # where Debian 12 has 3.11'),
        (">=3.10,<3.13", '# python_version: "3.11"   # where Debian 13 has 3.13'),
        ("==3.12.*", 'python_version: "3.12"   # Debian 12 has 3.11 and Debian 13 has 3.13'),
        (">=3.14", 'python_version: "3.14"   # Debian 12 has 3.11 and Debian 13 has 3.13'),
    ],
)
def test_an_interpreter_is_named_where_a_distribution_lacks_it(inspected: Inspect, wanted: str, line: str) -> None:
    described = f'[project]\nname = "shop"\nversion = "1"\nrequires-python = "{wanted}"\n'

    assert inspected({"pyproject.toml": described}).yaml() == line


def test_django_itself_may_want_a_newer_interpreter(inspected: Inspect) -> None:
    assert inspected({"requirements.txt": "Django==6.0.1\n"}).choices["python_version"][0] == '"3.13"'
    assert inspected({"requirements.txt": "Django==3.2.25\n"}).choices["python_version"][0] == '"3.11"'


def test_an_interpreter_of_the_inventory_that_does_not_fit_is_refused(inspected: Inspect) -> None:
    described = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.13"\n'

    assert "the inventory says 3.12" in inspected({"pyproject.toml": described}, python_version="3.12").stops[0].cause


def test_a_wish_for_an_interpreter_is_told(inspected: Inspect) -> None:
    found = inspected({".python-version": "3.12\n"})

    assert found.yaml() == '# python_version: "3.12"   # .python-version asks for 3.12; Debian 12 has 3.11 and Debian 13 has 3.13'


def test_lists_of_the_inventory_stay(inspected: Inspect) -> None:
    found = inspected({"requirements.txt": "Django\npython-magic\nweasyprint\n"}, site_packages=["gdal-bin", "file"])

    assert found.lines["site_packages"][:2] == ["gdal-bin", "file"]
    assert "libpango-1.0-0" in found.lines["site_packages"]
