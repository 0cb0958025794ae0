"""The applications: a repository, an inventory's variables, and what somebody does with the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError
from lab.paths import ROOT

FOLDER = ROOT / "lab" / "corpus" / "applications"


@dataclass(frozen=True)
class Case:
    """An application.

    :param title: what it is called, and which package it is.
    :param runs: how many runs of `site` a reader needed who knew only what the documentation and `inspect` say.
    :param visited: the page that is asked for while releases change.
    :param account: the variables of `createsuperuser`.
    :param sign_in: the page with the form for name and password.
    :param admin: a page for those who have signed in.
    :param steps: forms that are sent then, the last of which uploads a file; empty where nothing can be uploaded.
    :param beyond: what it needs beyond a web process.
    """

    name: str
    title: str
    runs: int
    visited: str
    account: Mapping[str, str]
    sign_in: str
    admin: str
    steps: Sequence[Mapping[str, Any]]
    beyond: Sequence[str]
    variables: Mapping[str, Any]

    @property
    def site(self) -> Path:
        """Return the folder of the repository."""
        return FOLDER / self.name / "site"

    @property
    def count(self) -> int:
        """Return how many variables of the inventory it needs, those of its environment included."""
        return sum(len(value) if isinstance(value, dict) else 1 for value in self.variables.values())


def names() -> list[str]:
    """Return the applications that there are."""
    return sorted(path.parent.name for path in FOLDER.glob("*/case.yml"))


def case(name: str) -> Case:
    """Return an application by its name."""
    if name not in names():
        raise LabError(f"There is no application {name}. These exist: {', '.join(names())}.")
    return Case(name=name, variables=_read(name, "inventory.yml"), **_read(name, "case.yml"))


def _read(name: str, file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / name / file).read_text(encoding="utf-8")) or {}
    return content
