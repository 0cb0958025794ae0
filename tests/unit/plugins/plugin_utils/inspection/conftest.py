"""A project in a folder, and what inspect says of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.action.inspect_project import GIVEN
from ansible_collections.hotclub.django.plugins.plugin_utils.files.folders import files_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import Wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.project import inspect
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.report import Report
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import copied

from tests.projects.variants import PROJECTS, VARIANTS

Inspect = Callable[..., Report]
MANAGE = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
WSGI = "application = None\n"
# As little as can be deployed.
SMALLEST = {"manage.py": MANAGE, "requirements.txt": "Django==5.2.19\n", "shop/wsgi.py": WSGI, "shop/settings.py": ""}


def look(folder: Path, hosts: int = 1, **variables: Any) -> Report:
    """Inspect a folder."""
    given = {**dict.fromkeys(GIVEN), **dict.fromkeys(variables.get("site_env", {})), "DEBUG": "False"}
    with tempfile.TemporaryDirectory() as name:
        return inspect(copied(folder, files_of(folder), Path(name)), Wanted(variables, given, hosts), "shop")


@pytest.fixture
def inspected(tmp_path: Path) -> Inspect:
    """Return a function that inspects a project, given as files beside those of the smallest one; None takes a file away."""

    def write(files: Mapping[str, str | bytes | None] | None = None, hosts: int = 1, **variables: Any) -> Report:
        for name, text in {**SMALLEST, **(files or {})}.items():
            if text is not None:
                path = tmp_path / "project" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode() if isinstance(text, str) else text)
        return look(tmp_path / "project", hosts, **variables)

    return write


@pytest.fixture
def variant(tmp_path: Path) -> Inspect:
    """Return a function that inspects one of the test projects, in one of its variants."""

    def build(project: str, tag: str = "", **variables: Any) -> Report:
        work = tmp_path / project
        shutil.copytree(PROJECTS / project, work, ignore=shutil.ignore_patterns("__pycache__"))
        for edit in VARIANTS[project][tag] if tag else ():
            edit(work)
        return look(work, **variables)

    return build
