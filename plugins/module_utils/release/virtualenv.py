# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Virtualenvs from a project's own lock: one for each set of requirements, built once, never changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import own, remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.software import keep, normalised

NESTED = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
LOCAL = re.compile(r"^\s*(?:-e\s|--editable[\s=]|\.{1,2}/|\.\s*$|file:|[\w.\-\[\]]+\s*@\s*(?:file:|\.))", re.MULTILINE)
REQUIRES_PYTHON = re.compile(r"""^\s*requires-python\s*=\s*["']([^"']+)["']""", re.MULTILINE)
BUILD_SYSTEM = re.compile(r"^\s*\[build-system\]", re.MULTILINE)
NETWORK = re.compile(
    r"error sending request|Could not connect|dns error|Failed to fetch|timed out|tls|certificate", re.IGNORECASE
)
DENIED = re.compile(r"\b(401 Unauthorized|403 Forbidden)\b")
NAME = re.compile(r"[\s\[<>=!~;@]")
CLAUSE = re.compile(r"^(===|==|!=|<=|>=|~=|<|>)\s*([0-9][0-9.]*)(\.\*)?$")


@dataclass(frozen=True)
class Requirements:
    """Where a project says what it needs.

    :param kind: ``file`` (requirements.txt), ``lock`` (uv.lock) or ``project`` (pyproject.toml alone), or ``none``.
    :param path: that file; the project's folder for ``none``.
    :param content: everything that decides what gets installed.
    :param hashed: each requirement carries its hash.
    :param local: something is installed out of the source itself, so that the environment belongs to one release.
    """

    kind: str
    path: Path
    content: str
    hashed: bool
    local: bool


@dataclass(frozen=True)
class Toolchain:
    """What virtualenvs are built with: the uv program, the interpreter, and what every site gets besides its own.

    :param extras: requirements added when the project lacks them, keyed by the distribution whose presence makes
        each needless.
    :param wanted: requirements that the operator adds in any case.
    :param extra_hashes: a requirements file with the versions and hashes of the extras and of what these need.
    """

    uv: str
    python: str
    environment: Mapping[str, str]
    extras: Mapping[str, str]
    wanted: Sequence[str] = ()
    extra_hashes: str = ""


def find(source: Path, project: Path, named: str) -> Requirements:
    """Return where the project says what it needs.

    :param source: top of the source.
    :param project: folder of ``manage.py``.
    :param named: the file that the operator names, relative to the source; empty to look.
    :raises Trouble: the named file is not there.
    """
    if named:
        path = source / named
        if not path.is_file():
            raise Trouble(f"The source has no file {named}.", "Set site_requirements_file to one that it has, or to nothing.")
        if path.name == "uv.lock":
            return _lock(path)
        return _project(path) if path.name == "pyproject.toml" else _file(path)
    for folder in dict.fromkeys((project, source)):
        if (folder / "uv.lock").is_file() and (folder / "pyproject.toml").is_file():
            return _lock(folder / "uv.lock")
        if (folder / "requirements.txt").is_file():
            return _file(folder / "requirements.txt")
        if (folder / "pyproject.toml").is_file() and "[project]" in (folder / "pyproject.toml").read_text():
            return _project(folder / "pyproject.toml")
    return Requirements("none", project, "", False, False)


def _file(path: Path) -> Requirements:
    content, seen = "", {path.resolve()}
    waiting = [path]
    while waiting:
        one = waiting.pop()
        if not one.is_file():
            raise Trouble(f"{path.name} names {one.name}, which the source doesn't have.", "Add the file, or remove the line.")
        text = one.read_text()
        content += text
        for nested in NESTED.findall(text):
            other = one.parent / nested
            if "://" not in nested and other.resolve() not in seen:
                seen.add(other.resolve())
                waiting.append(other)
    return Requirements("file", path, content, "--hash=" in content, bool(LOCAL.search(content)))


def _lock(path: Path) -> Requirements:
    described = (path.parent / "pyproject.toml").read_text()
    return Requirements("lock", path, path.read_text(), True, bool(BUILD_SYSTEM.search(described)))


def _project(path: Path) -> Requirements:
    described = path.read_text()
    return Requirements("project", path, described, False, bool(BUILD_SYSTEM.search(described)))


def required_python(source: Path, project: Path) -> str:
    """Return the project's ``requires-python``, empty when it says nothing."""
    for folder in dict.fromkeys((project, source)):
        path = folder / "pyproject.toml"
        if path.is_file():
            found = REQUIRES_PYTHON.search(path.read_text())
            if found:
                return found.group(1)
    return ""


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


# What a build says that it lacks, and the Debian package that has it.
HEADERS = {
    "Python.h": "python3-dev",
    "pg_config": "libpq-dev",
    "libpq-fe.h": "libpq-dev",
    "ffi.h": "libffi-dev",
    "mysql_config": "default-libmysqlclient-dev",
    "libxml/xmlversion.h": "libxml2-dev",
    "libxslt": "libxslt1-dev",
    "openssl/ssl.h": "libssl-dev",
}
NO_COMPILER = re.compile(
    r"command '[^']*g?cc' failed: No such file|[Uu]nable to find.*compiler|No such file or directory: '[^']*(gcc|cc|g\+\+)'"
)


def compiling_remedy(text: str) -> str:
    """Return what to install for a package that could not be compiled.

    :param text: what its build said.
    """
    packages = [package for said, package in HEADERS.items() if said in text]
    if NO_COMPILER.search(text):
        packages.insert(0, "build-essential")
        # Whoever lacks a compiler lacks what it is to read, too.
        packages.append("python3-dev")
    if not packages:
        return "A package needs to be compiled: name its Debian build packages in site_build_packages."
    named = ", ".join(dict.fromkeys(packages))
    return f"A package needs to be compiled: set site_build_packages: [{named}] and run playbooks/site.yml."


class Virtualenvs:
    """The virtualenvs of one site."""

    def __init__(self, site: Site, tools: Toolchain, hidden: Sequence[str] = ()) -> None:
        self.site = site
        self.tools = tools
        self.hidden = hidden

    def ensure(self, requirements: Requirements, release: str) -> tuple[Path, bool]:
        """Return the virtualenv for these requirements, building it when there is none.

        :param release: id of the release, which owns the environment when something local is installed into it.
        :returns: its folder, and whether it was built now.
        :raises Trouble: something can't be resolved, fetched or built.
        """
        key = self._key(requirements)
        folder = self.site.release(release) / "venv" if requirements.local else self.site.venvs / key
        if (folder / ".complete").exists():
            return folder, False
        remove(folder)
        folder.parent.mkdir(mode=0o755, exist_ok=True)
        folder.mkdir(mode=0o750)
        _chown(folder, self.site)
        self._install(requirements, folder)
        own(folder, "root", self.site.name)
        keep(folder)
        (folder / ".complete").touch(mode=0o640)
        return folder, True

    def _key(self, requirements: Requirements) -> str:
        version = run([self.tools.python, "-VV"]).stdout.strip()
        asked = [
            requirements.kind,
            requirements.content,
            version,
            self.tools.uv,
            dict(self.tools.extras),
            list(self.tools.wanted),
            self.tools.extra_hashes,
        ]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def _uv(self, *arguments: str, folder: Path, cwd: Path, stdin: str | None = None, leave_out: Sequence[str] = ()) -> Outcome:
        given = {name: value for name, value in self.tools.environment.items() if name not in leave_out}
        return run(
            [self.tools.uv, *arguments],
            user=self.site.build_user,
            environment={**given, "VIRTUAL_ENV": str(folder)},
            cwd=str(cwd),
            stdin=stdin,
            hidden=self.hidden,
        )

    def _must(self, outcome: Outcome, what: str) -> Outcome:
        if outcome.code == 0:
            return outcome
        text = outcome.stderr
        if "No space left" in text:
            remedy = "The disk is full: make room, or lower site_keep_releases."
        elif "lockfile" in text and "needs to be updated" in text:
            remedy = "uv.lock is older than pyproject.toml: run `uv lock`, commit uv.lock and deploy again."
        elif DENIED.search(text):
            remedy = "The package index wants another user name and password than those in site_package_index_url."
        elif "No solution found" in text or "were unable to be satisfied" in text or "not found in the package registry" in text:
            remedy = "Correct the project's requirements (or its lock), push, and deploy again."
        elif "hash" in text.lower() and "mismatch" in text.lower():
            remedy = "A file of the package index is not the one that the project has locked: find out why before you go on."
        elif "Failed to build" in text or "build backend" in text:
            remedy = compiling_remedy(outcome.output)
        elif NETWORK.search(text):
            remedy = (
                "The package index can't be reached from this host: "
                "check site_package_index_url, site_ca_bundle_path and the network."
            )
        else:
            remedy = "Correct the project's requirements and deploy again."
        raise Trouble(f"{what} of {self.site.name} can't be installed.", remedy, outcome.tail(15))

    def _install(self, requirements: Requirements, folder: Path) -> None:
        parent = requirements.path.parent if requirements.kind != "none" else requirements.path
        self._must(
            self._uv(
                "venv", "--quiet", "--allow-existing", "--python", self.tools.python, str(folder), folder=folder, cwd=parent
            ),
            "The virtualenv",
        )
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
        path = requirements.path
        if requirements.kind == "file":
            strict = ["--require-hashes"] if requirements.hashed else []
            self._must(
                self._uv(*install, *strict, "-r", str(path), folder=folder, cwd=parent), f"The requirements in {path.name}"
            )
        elif requirements.kind == "lock":
            exported = self._must(self._export(folder, parent), "The requirements in uv.lock")
            if exported.stdout.strip():
                self._must(
                    self._uv(*install, "--require-hashes", "-r", "-", folder=folder, cwd=parent, stdin=exported.stdout),
                    "The requirements in uv.lock",
                )
        elif requirements.kind == "project":
            self._must(self._uv(*install, "-r", str(path), folder=folder, cwd=parent), "The requirements in pyproject.toml")
        if requirements.local and requirements.kind in ("lock", "project"):
            self._must(self._uv(*install, "--no-deps", str(parent), folder=folder, cwd=parent), "The project itself")
        if self.tools.wanted:
            done = self._uv(*install, *self.tools.wanted, folder=folder, cwd=parent)
            self._must(done, f"What site_python_packages names ({', '.join(self.tools.wanted)})")
        have = installed(folder)
        if missing := self._missing(have):
            with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="extras-", encoding="utf-8") as hashes:
                hashes.write(applying(self.tools.extra_hashes, have, missing))
                hashes.flush()
                os.chmod(hashes.name, 0o644)
                done = self._uv(*install, "--constraint", hashes.name, *missing, folder=folder, cwd=parent)
            self._must(done, f"What every site needs ({', '.join(missing)})")

    def _export(self, folder: Path, project: Path) -> Outcome:
        """Return what uv.lock says as requirements with their hashes."""
        words = ["export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-header", "--format", "requirements-txt"]
        # A lock names the index that it was made with, and a mirror of it here is no reason to call it outdated.
        as_it_was_made = self._uv(*words, "--offline", folder=folder, cwd=project, leave_out=("UV_DEFAULT_INDEX",))
        return as_it_was_made if as_it_was_made.code == 0 else self._uv(*words, folder=folder, cwd=project)

    def _missing(self, have: Mapping[str, str]) -> list[str]:
        if "django" not in have:
            raise Trouble(
                "The project's requirements don't install Django.",
                "Name Django in requirements.txt, pyproject.toml or uv.lock in the source, or in site_python_packages.",
            )
        return [extra for names, extra in self.tools.extras.items() if not any(name in have for name in names.split("|"))]


def applying(hashes: str, have: Mapping[str, str], asked: Sequence[str]) -> str:
    """Return the part of a requirements file with hashes that may bind what is still to be installed.

    What the project has installed is the project's, and a version that the operator has chosen is not ours.

    :param hashes: the file's text.
    :param have: what is installed, by name.
    :param asked: the requirements that are to be installed.
    """
    chosen = {normalised(NAME.split(each)[0]): each for each in asked}
    kept = []
    for entry in re.split(r"\n(?![ \t])", hashes):
        name, _equals, version = entry.partition(";")[0].split("\\")[0].strip().partition("==")
        other = chosen.get(normalised(name))
        if version and normalised(name) not in have and (other is None or other.endswith(f"=={version}")):
            kept.append(entry)
    return "".join(f"{entry}\n" for entry in kept)


def installed(folder: Path) -> dict[str, str]:
    """Return the distributions in a virtualenv: normalised name (PEP 503) to version."""
    found = {}
    for entry in folder.glob("lib/python3*/site-packages/*.dist-info"):
        name, _dash, version = entry.name[: -len(".dist-info")].rpartition("-")
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


def _chown(path: Path, site: Site) -> None:
    import pwd

    account = pwd.getpwnam(site.build_user)
    os.chown(path, account.pw_uid, account.pw_gid)
