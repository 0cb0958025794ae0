# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release consists of: the distributions in its virtualenv, as a bill of materials and as a lock that uv can audit."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.hotclub.django.plugins.module_utils.release.git_pins import pin

KEPT = "packages.json"
BILL = "sbom.cdx.json"
CYCLONEDX = "1.6"
NAMESPACE = uuid.UUID("5f0c6a52-6c0f-5d0c-9f0e-2a1b8f7c3d11")
REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
OF_AN_EXTRA = re.compile(r";.*\bextra\s*==")
CREDENTIALS = re.compile(r"(://)[^/@\s]*@")
# A licence in one line is its name, in more it is its text.
LICENCE_LENGTH = 100


@dataclass(frozen=True)
class Package:
    """One installed distribution.

    :param name: as the package index spells it, lower-case, with dashes.
    :param licence: what it says of its licence, an SPDX expression where it has one.
    :param requires: the names that it asks for, those of extras left out.
    :param source: where it came from when that was no index.
    :param commit: what git has it from, as a pin; empty for what comes from elsewhere.
    """

    name: str
    version: str
    licence: str = ""
    requires: tuple[str, ...] = ()
    source: str = ""
    commit: str = ""

    @property
    def bound(self) -> str:
        """What other hosts are to install of it: its version, or its commit; empty for what comes out of the source itself."""
        return self.commit or ("" if self.source else self.version)

    @property
    def purl(self) -> str:
        """The name by which other tools know it (package URL)."""
        return f"pkg:pypi/{self.name}@{quote(self.version, safe='.-_~')}"


def packages_of(venv: Path) -> list[Package]:
    """Return what is installed in a virtualenv, by name."""
    found = {package.name: package for package in (_package(headers, folder) for folder, headers in _described(venv))}
    return [found[name] for name in sorted(found)]


def asked_by(venv: Path) -> str:
    """Return what the packages in a virtualenv ask for, as they write it."""
    return "\n".join(line for _folder, headers in _described(venv) for line in headers.get_all("Requires-Dist", []))


def _described(venv: Path) -> Iterator[tuple[Path, Message]]:
    for folder in venv.glob("lib/python3*/site-packages/*.dist-info"):
        described = folder / "METADATA"
        # What a package installs is its own choice, and this is read as root.
        if described.is_file() and not described.is_symlink() and not folder.is_symlink():
            yield folder, HeaderParser().parsestr(described.read_text(encoding="utf-8", errors="replace"))


def _package(headers: Message, folder: Path) -> Package:
    requires = {
        normalised(match.group(1))
        for line in headers.get_all("Requires-Dist", [])
        if (match := REQUIREMENT.match(line)) and not OF_AN_EXTRA.search(line)
    }
    source, commit = _origin(folder / "direct_url.json")
    return Package(
        name=normalised(str(headers["Name"])),
        version=str(headers["Version"]).strip(),
        licence=_licence(headers),
        requires=tuple(sorted(requires)),
        source=source,
        commit=commit,
    )


def _licence(headers: Message) -> str:
    classified = [line.rpartition("::")[2].strip() for line in headers.get_all("Classifier", []) if line.startswith("License ::")]
    said = str(headers.get("License-Expression") or headers.get("License") or "").strip()
    if said and "\n" not in said and len(said) <= LICENCE_LENGTH:
        return said
    return ", ".join(classified)


def _origin(path: Path) -> tuple[str, str]:
    """Return where a package came from, and its commit where that is git."""
    if not path.is_file() or path.is_symlink():
        return "", ""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        url, git = str(said["url"]), said.get("vcs_info", {})
        commit = pin(url, str(git["commit_id"]), str(said.get("subdirectory") or "")) if git.get("vcs") == "git" else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
    return CREDENTIALS.sub(r"\1", url), commit


def normalised(name: str) -> str:
    """Return a distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def keep(venv: Path) -> list[Package]:
    """Write beside a new virtualenv's packages what they are, so that no later release has to look again."""
    packages = packages_of(venv)
    (venv / KEPT).write_text(json.dumps([asdict(package) for package in packages], indent=1) + "\n", encoding="utf-8")
    return packages


def kept(venv: Path) -> list[Package]:
    """Return what is installed in a finished virtualenv."""
    try:
        listed = json.loads((venv / KEPT).read_text(encoding="utf-8"))
    except OSError:
        return packages_of(venv)
    if any(each["source"] and "commit" not in each for each in listed):
        # Written before commits were.
        return packages_of(venv)
    return [Package(**{**each, "requires": tuple(each["requires"])}) for each in listed]


def bill(site: str, release: Mapping[str, Any], packages: Sequence[Package]) -> str:
    """Return the bill of materials of a release in CycloneDX's JSON; the same for the same release.

    :param site: name of the site.
    :param release: what was written about the release.
    """
    python = {"type": "platform", "bom-ref": "python", "name": "python", "version": release["python"]}
    names = {package.name for package in packages}
    required = {name for package in packages for name in package.requires}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": CYCLONEDX,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, site + '/' + release['id'])}",
        "version": 1,
        "metadata": {
            "timestamp": release["built_at"],
            "component": {
                "type": "application",
                "bom-ref": "project",
                "name": site,
                "version": release["commit"],
                "properties": [{"name": "hotclub:release", "value": release["id"]}],
                **({"externalReferences": [{"type": "vcs", "url": release["source"]}]} if "://" in release["source"] else {}),
            },
        },
        "components": [python, *map(_component, packages)],
        "dependencies": [
            {"ref": "project", "dependsOn": ["python", *(each.purl for each in packages if each.name not in required)]},
            {"ref": "python"},
            *(
                {"ref": each.purl, "dependsOn": [other.purl for other in packages if other.name in names & set(each.requires)]}
                for each in packages
            ),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        **({"licenses": [{"license": {"name": package.licence}}]} if package.licence else {}),
        **({"externalReferences": [{"type": "distribution", "url": package.source}]} if package.source else {}),
    }


def lock(packages: Sequence[Package], python: str, index: str) -> tuple[str, str]:
    """Return a pyproject.toml and a uv.lock that say what is installed, whatever it was installed from.

    :param python: version of the interpreter.
    :param index: address of the package index.
    """
    major, minor = python.split(".")[:2]
    requires = f'requires-python = ">={major}.{minor}"'
    listed = [each for each in packages if not each.source]
    project = [
        "[project]",
        'name = "hotclub-release"',
        'version = "0"',
        requires,
        f"dependencies = {json.dumps([each.name for each in listed])}",
    ]
    return "\n".join(project) + "\n", "\n".join(_locked(listed, requires, index))


def _locked(packages: Sequence[Package], requires: str, index: str) -> Iterator[str]:
    yield from ("version = 1", "revision = 3", requires, "")
    for each in packages:
        place = f"source = {{ registry = {json.dumps(index)} }}"
        yield from ("[[package]]", f"name = {json.dumps(each.name)}", f"version = {json.dumps(each.version)}", place, "")
    names = ", ".join(f"{{ name = {json.dumps(each.name)} }}" for each in packages)
    yield from (
        "[[package]]",
        'name = "hotclub-release"',
        'version = "0"',
        'source = { virtual = "." }',
        f"dependencies = [{names}]",
        "",
    )
