# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Python packages a project's requirements ask for, as its own files say it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import COMMENT, Requirements, toml_of
from ansible_collections.hotclub.django.plugins.module_utils.release.software import normalised

REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9][\w.\-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>[^;]*)(?:;(?P<marker>.*))?$")
EXACT = re.compile(r"^===?\s*([\w.!+\-]+)$")
LEAST = re.compile(r"(?:^|,)\s*(?:>=|~=|===?|\^)\s*(\d+(?:\.\d+)*)")
CONTINUED = re.compile(r"\\\r?\n")
ELSEWHERE = re.compile(r"(sys_platform|platform_system|os_name)\s*==\s*['\"](win32|darwin|Windows|Darwin|nt)['\"]")


@dataclass(frozen=True)
class Package:
    """A package that is asked for.

    :param name: as PEP 503 writes it.
    :param version: the one that is installed; empty where the requirements leave it open.
    :param least: the lowest that may be installed, as far as it is said.
    :param extras: extras that are asked for.
    :param files: the files of the index that a lock names for it.
    """

    name: str
    version: str = ""
    least: str = ""
    extras: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()


def asked(requirements: Requirements | None, wanted: Iterable[str]) -> dict[str, Package]:
    """Return the packages by name.

    :param requirements: where the project says what it needs.
    :param wanted: what the inventory adds.
    """
    lines = list(wanted)
    found: dict[str, Package] = {}
    if requirements is not None:
        match requirements.kind:
            case "lock":
                found = _locked(toml_of(requirements.path), requirements)
            case "pylock":
                found = {each.name: each for each in map(_of_pylock, _dictionaries(toml_of(requirements.path), "packages"))}
            case "poetry":
                found = {each.name: each for each in _of_poetry(toml_of(requirements.path))}
            case "project":
                lines += texts(tomllib.loads(requirements.content).get("project", {}).get("dependencies"))
            case "file":
                lines += COMMENT.sub("", CONTINUED.sub(" ", requirements.content)).splitlines()
    return {**{each.name: each for each in map(of_line, lines) if each is not None}, **found}


def of_line(line: str) -> Package | None:
    """Return what a line of requirements asks for; None where it asks for nothing that has a name, or not here."""
    parts = REQUIREMENT.match(line.strip().split(" --")[0].strip())
    if parts is None or "://" in line.partition("@")[0] or ELSEWHERE.search(parts["marker"] or ""):
        return None
    rest = parts["rest"].strip(" ()")
    if rest and rest[0] not in "=<>~!@":
        return None
    exact, least = EXACT.match(rest), LEAST.search(rest)
    extras = frozenset(each.strip() for each in (parts["extras"] or "").split(",") if each.strip())
    version = exact[1] if exact else ""
    return Package(normalised(parts["name"]), version, version or (least[1] if least else ""), extras)


def _locked(lock: Mapping[str, Any], requirements: Requirements) -> dict[str, Package]:
    """Return what uv.lock has for the project without its development dependencies and extras."""
    packages = {str(each.get("name", "")): each for each in _dictionaries(lock, "package")}
    found: dict[str, Package] = {}
    waiting = [(name, frozenset[str]()) for name in _roots(packages, requirements)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        package = packages.get(name)
        if package is None or (name, extras) in seen:
            continue
        seen.add((name, extras))
        files = tuple(str(wheel.get("url", wheel.get("filename", ""))) for wheel in _dictionaries(package, "wheels"))
        known = found.get(name)
        found[name] = Package(
            name, str(package.get("version", "")), extras=extras | (known.extras if known else frozenset()), files=files
        )
        optional = package.get("optional-dependencies", {})
        needs = [*_dictionaries(package, "dependencies"), *(each for extra in extras for each in _dictionaries(optional, extra))]
        waiting += [
            (str(each.get("name", "")), frozenset(texts(each.get("extra"))))
            for each in needs
            if not ELSEWHERE.search(str(each.get("marker", "")))
        ]
    return {name: each for name, each in found.items() if "source" not in packages[name] or not _is_local(packages[name])}


def _roots(packages: Mapping[str, Any], requirements: Requirements) -> Iterator[str]:
    """Yield the names of the lock's own projects whose requirements count: that of the folder, or of all without one."""
    local = {name: each["source"] for name, each in packages.items() if _is_local(each)}
    for name, source in local.items():
        place = str(source.get("virtual", source.get("editable", "")))
        if (requirements.path.parent / place).resolve() == requirements.home.resolve():
            yield name
            return
    yield from local


def _is_local(package: Mapping[str, Any]) -> bool:
    source = package.get("source", {})
    return isinstance(source, dict) and bool({"virtual", "editable"} & source.keys())


def _of_pylock(package: Mapping[str, Any]) -> Package:
    files = tuple(str(wheel.get("url", wheel.get("name", ""))) for wheel in _dictionaries(package, "wheels"))
    return Package(normalised(str(package.get("name", ""))), str(package.get("version", "")), files=files)


def _of_poetry(lock: Mapping[str, Any]) -> Iterator[Package]:
    for package in _dictionaries(lock, "package"):
        if "main" in package.get("groups", ["main"]) and not package.get("optional"):
            files = tuple(str(each.get("file", "")) for each in _dictionaries(package, "files"))
            yield Package(normalised(str(package.get("name", ""))), str(package.get("version", "")), files=files)


def _dictionaries(holder: Any, name: str) -> list[dict[str, Any]]:
    """Return the dictionaries in a list of a file that somebody may have written by hand."""
    found = holder.get(name, []) if isinstance(holder, dict) else []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def texts(value: Any) -> list[str]:
    """Return the texts in what should be a list of them."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def in_groups(folder: Path) -> list[str]:
    """Return the names of the dependency groups and extras of a pyproject.toml."""
    described = toml_of(folder / "pyproject.toml")
    groups = described.get("dependency-groups", {})
    extras = described.get("project", {}).get("optional-dependencies", {})
    return [*map(str, groups if isinstance(groups, dict) else {}), *map(str, extras if isinstance(extras, dict) else {})]


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:4])
