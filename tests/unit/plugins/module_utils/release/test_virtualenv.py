"""What a project needs, as its files say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import (
    applying,
    compiling_remedy,
    find,
    required_python,
    satisfies,
)

from tests.unit.conftest import CHECKOUT


@pytest.mark.parametrize(
    ("version", "specifier", "met"),
    [
        ("3.11.2", ">=3.11", True),
        ("3.11.2", ">=3.12", False),
        ("3.13.1", ">=3.11,<3.13", False),
        ("3.12.0", "~=3.11", True),
        ("4.0.0", "~=3.11", False),
        ("3.11.9", "~=3.11.2", True),
        ("3.12.0", "~=3.11.2", False),
        ("3.11.2", "==3.11.*", True),
        ("3.11.2", "!=3.11.*", False),
        ("3.11.2", ">3.11.1, <=3.11.2", True),
        ("3.11.2", ">=3.9,!=3.10.*", True),
    ],
)
def test_requires_python_is_judged_as_the_standard_says(version: str, specifier: str, met: bool) -> None:
    assert satisfies(version, specifier) is met


def test_a_lock_wins_over_requirements(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\nrequires-python = ">=3.12"\n')
    (tmp_path / "requirements.txt").write_text("Django\n")
    assert find(tmp_path, tmp_path, "").kind == "lock"
    assert required_python(tmp_path, tmp_path) == ">=3.12"


def test_requirements_are_followed_into_the_files_they_name(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r requirements/base.txt\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("Django==5.2.9 --hash=sha256:00\n")
    found = find(tmp_path, tmp_path, "")
    assert "Django==5.2.9" in found.content
    assert found.hashed
    assert not found.local


def test_a_project_that_installs_itself_owns_its_environment(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\nDjango\n")
    assert find(tmp_path, tmp_path, "").local


def test_a_named_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"requirements/live\.txt"):
        find(tmp_path, tmp_path, "requirements/live.txt")


def test_a_project_beside_other_files_is_found_by_its_own(tmp_path: Path) -> None:
    project = tmp_path / "src"
    project.mkdir()
    (tmp_path / "requirements.txt").write_text("Django\n")
    assert find(tmp_path, project, "").path == tmp_path / "requirements.txt"


HASHES = """# Made by somebody
gunicorn==27.0.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
typing-extensions==4.16.0 ; python_version < "3.13" \\
    --hash=sha256:cc
"""


def test_what_we_add_is_bound_to_its_hashes() -> None:
    assert applying(HASHES, {"django": "5.2"}, ["gunicorn==27.0.1"]) == HASHES.partition("\n")[2]


def test_what_the_project_has_installed_is_not_bound() -> None:
    assert "typing-extensions" not in applying(HASHES, {"typing-extensions": "4.1"}, ["gunicorn==27.0.1"])


@pytest.mark.parametrize(
    "chosen", ["gunicorn==28.0", "gunicorn", "gunicorn[setproctitle]~=27.0", "Gunicorn @ https://example.org/x"]
)
def test_another_version_of_the_operators_is_not_bound(chosen: str) -> None:
    bound = applying(HASHES, {}, [chosen])
    assert "gunicorn==" not in bound and "typing-extensions==4.16.0" in bound


def test_the_file_of_hashes_has_the_versions_that_are_asked_for() -> None:
    files = CHECKOUT / "roles" / "django" / "files"
    asked = [line for line in (files / "extras.in").read_text().splitlines() if not line.startswith("#")]
    defaults = (CHECKOUT / "roles" / "django" / "defaults" / "main.yml").read_text()
    hashed = (files / "extras.txt").read_text()
    for requirement in asked:
        assert f"'{requirement}'" in defaults, f"{requirement} is not what django_extra_requirements says"
        assert f"\n{requirement.replace('[binary]', '')} " in hashed, f"extras.txt was not made again for {requirement}"
    assert len(asked) == defaults.count("==") - defaults.count(" == "), "a requirement is missing from extras.in"


@pytest.mark.parametrize(
    ("said", "packages"),
    [
        ("fatal error: Python.h: No such file or directory", "[python3-dev]"),
        ("Error: pg_config executable not found.", "[libpq-dev]"),
        ("./psycopg/psycopg.h:35:10: fatal error: libpq-fe.h: No such file\nPython.h: no", "[python3-dev, libpq-dev]"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "[build-essential, python3-dev]"),
    ],
)
def test_what_a_build_lacks_is_named_by_its_package(said: str, packages: str) -> None:
    assert f"site_build_packages: {packages}" in compiling_remedy(said)


def test_what_nobody_knows_is_left_to_the_reader() -> None:
    assert compiling_remedy("error: something else") == (
        "A package needs to be compiled: name its Debian build packages in site_build_packages."
    )
