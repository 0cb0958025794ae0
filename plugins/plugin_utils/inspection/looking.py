# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rules about a project look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import Requirements
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.packages import Package
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.report import Report
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.settings import Settings
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import text_of

# What distributions that the collection knows bring themselves.
PYTHONS = {"Debian 12": "3.11", "Debian 13": "3.13"}


@dataclass(frozen=True)
class Wanted:
    """What the inventory says of the project.

    :param variables: the variables of the site by name, site_env and python_version among them.
    :param given: the environment that the site gets; None for a value that is not known here.
    :param hosts: how many application hosts there are.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    hosts: int = 1

    def text(self, name: str, default: str = "") -> str:
        """Return a variable that is a text."""
        return str(self.variables.get(name) or default)

    def texts(self, name: str) -> list[str]:
        """Return a variable that is a list of texts."""
        value = self.variables.get(name)
        return [str(each) for each in value] if isinstance(value, (list, tuple)) else []

    @property
    def layered(self) -> bool:
        """Whether settings for production are laid over the project's own."""
        return self.text("site_settings_mode", "layered") == "layered"


@dataclass
class Look:
    """A project and all that was found out about it so far.

    :param committed: variables that a file of the source gives.
    """

    source: Source
    wanted: Wanted
    report: Report
    project: Path
    module: str = ""
    settings: Settings = field(default_factory=Settings)
    requirements: Requirements | None = None
    packages: Mapping[str, Package] = field(default_factory=dict)
    committed: frozenset[str] = frozenset()

    @property
    def top(self) -> Path:
        """The top of the source."""
        return self.source.folder

    def shown(self, path: Path) -> str:
        """Return a path as it is in the source."""
        return str(path.relative_to(self.top)) if path.is_relative_to(self.top) else path.name

    def installs(self, *names: str) -> str:
        """Return the first of these packages that the project asks for; empty for none."""
        return next((name for name in names if name in self.packages), "")

    def uses(self, *names: str) -> str:
        """Return the first of these applications that is installed; empty for none."""
        return next((name for name in names for app in self.apps if app == name or app.startswith(f"{name}.")), "")

    @cached_property
    def apps(self) -> list[str]:
        """The installed applications."""
        return self.settings.list_of("INSTALLED_APPS")

    def share(self, folder: str, why: str) -> None:
        """Ask for a folder that the site may write. It takes the place of the source's, which must have nothing of its own."""
        ours = [name for name in self.source.files if name.startswith(f"{folder}/")]
        if folder == "." or any(not name.endswith((".gitkeep", ".gitignore", ".keep", "README.md")) for name in ours):
            place = "the top of the source" if folder == "." else f"{folder}, which has files of the source"
            self.report.stop(
                f"The site can't write in {place}: {why}.",
                "Let the settings name a folder of its own for it, and that one in site_shared_paths.",
            )
            return
        self.report.add("site_shared_paths", [folder], why)

    def line(self, setting: str) -> str:
        """Say where a setting is said."""
        place = self.settings.lines.get(setting, "")
        return f"{setting} ({place})" if place else setting

    @property
    def pythons(self) -> dict[str, str]:
        """The versions of Python that may run it, by where they are: the inventory's, or those of distributions."""
        said = self.wanted.text("python_version")
        return {"the inventory": said} if said else PYTHONS


def texts_within(value: Any, depth: int = 4) -> list[str]:
    """Return the texts in a value, however deep, within reason."""
    if isinstance(value, dict) and depth:
        return [text for each in list(value.values())[:200] for text in texts_within(each, depth - 1)]
    if isinstance(value, (list, tuple)) and depth:
        return [text for each in list(value)[:200] for text in texts_within(each, depth - 1)]
    text = text_of(value)
    return [text] if text else []


def host_of(address: str) -> str:
    """Return the host in a URL; empty where it has none that is said."""
    found = re.match(r"[\w+]+://(?:[^@/]*@)?([^:/?]+)", address)
    return found[1] if found and "{" not in found[1] else ""
