"""Which Python a project wants."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.python_version import is_wished, required, satisfies, wished


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


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ('[project]\nname = "x"\nrequires-python = ">=3.12"', ">=3.12"),
        ('[tool.poetry.dependencies]\npython = "^3.11"', ">=3.11,<4"),
        ('[tool.poetry.dependencies]\npython = "~3.12"', ">=3.12,<3.13"),
        ('[tool.poetry.dependencies]\npython = ">=3.11,<3.14"', ">=3.11,<3.14"),
        ('[tool.black]\ntarget = "x"', ""),
    ],
)
def test_a_project_says_it_in_either_way(tmp_path: Path, said: str, means: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"{said}\n")
    assert required(tmp_path, tmp_path) == means


def test_a_pyproject_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(Trouble, match=r"pyproject\.toml"):
        required(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "wish"),
    [("3.12\n", "3.12"), ("# ours\ncpython-3.11.9\n", "3.11.9"), ("pypy3.10\n", ""), (">=3.11\n", ""), ("", "")],
)
def test_a_wish_is_a_version_by_number(tmp_path: Path, text: str, wish: str) -> None:
    (tmp_path / ".python-version").write_text(text)
    assert wished(tmp_path, tmp_path) == wish


def test_a_wish_is_met_as_far_as_it_goes() -> None:
    assert is_wished("3.11.2", "3.11")
    assert not is_wished("3.11.2", "3.11.9")
    assert not is_wished("3.1.2", "3.11")
