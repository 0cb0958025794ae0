# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at a Django project from outside (its files) and from inside (its own interpreter)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
ANSWER = "hotclub-answer:"
SKIPPED_FOLDERS = {"node_modules", "tests", "test", "docs", "examples", "venv", "env", "site-packages"}
DEPTH = 3


def folder(source: Path, named: str) -> Path:
    """Return the folder of the project's ``manage.py``.

    :param source: top of the source.
    :param named: the folder that the operator names, relative to the source; empty to look.
    :raises Trouble: there is none, or several.
    """
    if named:
        path = source / named
        if not (path / "manage.py").is_file():
            raise Trouble(f"The source has no {named}/manage.py.", "Set site_project_path to the folder that holds manage.py.")
        return path
    found = []
    for top, directories, files in os.walk(source):
        depth = len(Path(top).relative_to(source).parts)
        directories[:] = (
            sorted(name for name in directories if name not in SKIPPED_FOLDERS and not name.startswith("."))
            if depth < DEPTH
            else []
        )
        if "manage.py" in files and SETTINGS.search((Path(top) / "manage.py").read_text(errors="replace")):
            found.append(Path(top))
    if (source in found) or len(found) == 1:
        return found[0]
    if not found:
        raise Trouble(
            "The source has no manage.py that names a settings module.",
            "Set site_project_path to the folder that holds manage.py, and site_settings_module to the settings' dotted name.",
        )
    names = ", ".join(str(path.relative_to(source)) for path in found)
    raise Trouble(f"The source has several projects: {names}.", "Set site_project_path to the one to serve.")


def settings_module(project: Path, named: str) -> str:
    """Return the dotted name of the project's own settings.

    :raises Trouble: ``manage.py`` doesn't say it, and neither does the operator.
    """
    if named:
        return named
    found = SETTINGS.search((project / "manage.py").read_text(errors="replace"))
    if not found:
        raise Trouble(
            "manage.py names no settings module.", "Set site_settings_module to the dotted name of the project's settings."
        )
    return found.group(1)


class Interpreter:
    """A release's own Python, run as the site's account with the site's environment."""

    def __init__(self, site: Site, release: str) -> None:
        self.site = site
        self.folder = site.release(release)
        self.environment = site.environment(release)
        self.hidden = secrets(self.environment)

    def run(self, arguments: Sequence[str], extra: dict[str, str] | None = None) -> Outcome:
        """Run the interpreter inside the project's folder."""
        return run(
            [str(self.folder / "venv" / "bin" / "python"), *arguments],
            user=self.site.name,
            environment={**self.environment, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})},
            cwd=str(self.folder / "project"),
            hidden=self.hidden,
            timeout=DAY_SECONDS,
        )

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        """Run one of the questions of ``release_checks.py`` and return its answer.

        :raises Trouble: the project's code failed before it could answer.
        """
        outcome = self.run([str(self.folder / "lib" / "release_checks.py"), question], extra)
        for line in reversed(outcome.stdout.splitlines()):
            if line.startswith(ANSWER):
                answer: dict[str, Any] = json.loads(line[len(ANSWER) :])
                return answer
        raise Trouble(
            f"The project ended with code {outcome.code} before it could be looked at.",
            "Run its `manage.py check` with production settings, correct it, push, and deploy again.",
            outcome.tail(15),
        )
