# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Python a project wants."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import toml_of

CLAUSE = re.compile(r"^(===|==|!=|<=|>=|~=|<|>)\s*([0-9][0-9.]*)(\.\*)?$")
# As Poetry says it: up to the next version of the first number, or of the last one that is given.
CARET = re.compile(r"^\^\s*(\d+)(\.[\d.]+)?$")
TILDE = re.compile(r"^~\s*(\d+)\.(\d+)(\.\d+)?$")
WISH = re.compile(r"^(?:cpython[-@]?)?(\d+(?:\.\d+)*)$")


def required(source: Path, project: Path) -> str:
    """Return the project's ``requires-python``, empty when it says nothing."""
    for folder in dict.fromkeys((project, source)):
        described = toml_of(folder / "pyproject.toml")
        if said := described.get("project", {}).get("requires-python", ""):
            return str(said)
        if said := described.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", ""):
            return ",".join(map(_translated, str(said).split(",")))
    return ""


def _translated(clause: str) -> str:
    """Return what a clause of Poetry's means in the words of the standard."""
    if found := CARET.match(clause.strip()):
        return f">={found[1]}{found[2] or ''},<{int(found[1]) + 1}"
    if found := TILDE.match(clause.strip()):
        return f">={found[1]}.{found[2]}{found[3] or ''},<{found[1]}.{int(found[2]) + 1}"
    return clause.strip()


def wished(source: Path, project: Path) -> str:
    """Return the version that ``.python-version`` names; empty when it names none that has numbers alone."""
    for folder in dict.fromkeys((project, source)):
        path = folder / ".python-version"
        if path.is_file():
            lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
            found = WISH.match(next((line for line in lines if line and not line.startswith("#")), ""))
            return found[1] if found else ""
    return ""


def is_wished(version: str, wish: str) -> bool:
    """Say whether a version is the wished one, as far as that is given."""
    return _numbers(version)[: len(_numbers(wish))] == _numbers(wish)


def is_same_minor(one: str, other: str) -> bool:
    """Say whether two versions are of one minor release, such as 3.13, for which packages are built alike."""
    return _numbers(one)[:2] == _numbers(other)[:2]


def satisfies(version: str, specifier: str) -> bool:
    """Say whether a Python version meets a ``requires-python`` (PEP 440 version specifiers).

    :param version: such as ``3.11.2``.
    :param specifier: such as ``>=3.11,<4``; a clause that can't be read counts as met, uv will judge it.
    """
    have = _numbers(version)
    for clause in filter(None, (part.strip() for part in specifier.split(","))):
        match = CLAUSE.match(clause)
        if match and not _meets(have, match.group(1), _numbers(match.group(2)), bool(match.group(3))):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _meets(have: tuple[int, ...], operator: str, want: tuple[int, ...], wildcard: bool) -> bool:
    width = max(len(have), len(want))
    a, b = have + (0,) * (width - len(have)), want + (0,) * (width - len(want))
    starts = have[: len(want)] == want
    equal = starts if wildcard else a == b
    if operator == "~=":
        return a >= b and have[: len(want) - 1] == want[:-1]
    return {"==": equal, "===": equal, "!=": not equal, "<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b}[operator]
