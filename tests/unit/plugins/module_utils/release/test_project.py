"""A project is found in its repository, with its settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.project import folder, settings_module

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


def test_the_project_is_found_below_the_top(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "manage.py").write_text(MANAGE)
    assert folder(tmp_path, "") == tmp_path / "src"
    assert settings_module(tmp_path / "src", "") == "shop.settings"


def test_two_projects_are_a_question_for_the_operator(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manage.py").write_text(MANAGE)
    with pytest.raises(Trouble, match="several projects: one, two"):
        folder(tmp_path, "")
