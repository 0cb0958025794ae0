# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Virtualenvs from a project's own lock: one for each set of requirements, built once, never changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import own, remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import HOUR_SECONDS, Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release.git_pins import is_pin, overrides
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.remedies import NO_PACKAGE, is_no_package, remedy_for
from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import Requirements
from ansible_collections.hotclub.django.plugins.module_utils.release.software import asked_by, keep, kept, normalised

NAME = re.compile(r"[\s\[<>=!~;@]")
# An entry of a list of requirements goes on in lines that begin with a space.
ENTRIES = re.compile(r"\n(?![ \t])")
# What needs no hash: it lies in the source, or a commit says what it is.
BOUND = re.compile(r"^(?:\.{0,2}/|[\w.\-]+(?:\[[\w.,\- ]*\])? @ (?:file:|git\+\S+@[0-9a-f]{40}\b))")
TOO_SLOW = (
    "See whether this host reaches site_package_index_url. Where packages are compiled for longer, set "
    "site_build_timeout_seconds higher."
)
# Poetry asks no keyring, makes no virtualenv, and takes the interpreter that it runs with.
POETRY_ALONE = {
    "POETRY_VIRTUALENVS_CREATE": "false",
    "POETRY_NO_INTERACTION": "1",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
}


@dataclass(frozen=True)
class Toolchain:
    """What virtualenvs are built with: the uv program, the interpreter, and what every site gets besides its own.

    :param extras: requirements added when the project lacks them, keyed by the distribution whose presence makes
        each needless.
    :param wanted: requirements that the operator adds in any case.
    :param extra_hashes: a requirements file with the versions and hashes of the extras and of what these need.
    :param poetry: one for Poetry and what exports its lock.
    :param pins: versions or commits by name that other hosts of the fleet have, for requirements without a lock.
    :param renewed: names the virtualenv, when requirements without a lock are to be resolved anew.
    :param seconds: how long the installation of requirements may take.
    """

    uv: str
    python: str
    environment: Mapping[str, str]
    extras: Mapping[str, str]
    wanted: Sequence[str] = ()
    extra_hashes: str = ""
    poetry: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)
    renewed: str = ""
    seconds: float = HOUR_SECONDS


class Virtualenvs:
    """The virtualenvs of one site."""

    def __init__(self, site: Site, tools: Toolchain, hidden: Sequence[str] = (), importable: bool = False) -> None:
        """Take note of the site.

        :param importable: whether the project can be imported from its source as it lies there.
        """
        self.site = site
        self.tools = tools
        self.hidden = hidden
        self.importable = importable
        self.warnings: list[str] = []

    def ensure(self, requirements: Requirements, release: str) -> tuple[Path, bool]:
        """Return the virtualenv for these requirements, building it when there is none.

        :param release: id of the release, which owns the environment when something local is installed into it.
        :returns: its folder, and whether it was built now.
        :raises Trouble: something can't be resolved, fetched or built.
        """
        folder = self.site.release(release) / "venv" if requirements.local else self._place(requirements)
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
        if requirements.kind == "lock" and requirements.home != requirements.path.parent:
            # Members of a workspace share a lock.
            asked.append(os.path.relpath(requirements.home, requirements.path.parent))
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    def is_bound(self, requirements: Requirements) -> bool:
        """Tell whether a lock says of everything which version it is, also of what the operator adds."""
        return requirements.hashed and not self.tools.wanted

    def _place(self, requirements: Requirements) -> Path:
        """Return the folder of the virtualenv for these requirements, whether it is there or not.

        Without a lock, the same requirements may have been installed more than once: the newest counts, unless the fleet has
        others, or newer ones are wanted.
        """
        key = self._key(requirements)
        if self.is_bound(requirements):
            return self.site.venvs / key
        built = sorted(
            (folder for folder in self.site.venvs.glob(f"{key}*") if (folder / ".complete").exists()),
            key=lambda folder: (folder / ".complete").stat().st_mtime,
        )
        if self.tools.pins:
            same = [folder for folder in built if has_versions(bound(folder), self.tools.pins)]
            pinned = hashlib.sha256(json.dumps(dict(self.tools.pins), sort_keys=True).encode()).hexdigest()[:8]
            return same[-1] if same else self.site.venvs / f"{key}-{pinned}"
        if self.tools.renewed:
            return self.site.venvs / f"{key}-{self.tools.renewed}"
        return built[-1] if built else self.site.venvs / key

    def _uv(self, *arguments: str, folder: Path, cwd: Path, stdin: str | None = None, leave_out: Sequence[str] = ()) -> Outcome:
        given = {name: value for name, value in self.tools.environment.items() if name not in leave_out}
        return run(
            [self.tools.uv, *arguments],
            user=self.site.build_user,
            # A .python-version in the source is a wish; which interpreter there is, the inventory says.
            environment={"UV_PYTHON": self.tools.python, **given, "VIRTUAL_ENV": str(folder)},
            cwd=str(cwd),
            stdin=stdin,
            hidden=self.hidden,
            timeout=self.tools.seconds,
            too_slow=TOO_SLOW,
        )

    def _must(self, outcome: Outcome, what: str) -> Outcome:
        if outcome.code == 0:
            return outcome
        raise Trouble(f"{what} of {self.site.name} can't be installed.", remedy_for(outcome.output), outcome.tail(15))

    def _install(self, requirements: Requirements, folder: Path) -> None:
        for path, text in requirements.rewritten.items():
            # By the account whose the source is, since what it names may lie elsewhere.
            run(["tee", str(path)], user=self.site.build_user, stdin=text)
        self._must(
            self._uv(
                *("venv", "--quiet", "--allow-existing", "--python", self.tools.python, str(folder)),
                folder=folder,
                cwd=requirements.home,
            ),
            "The virtualenv",
        )
        ways = {
            "file": self._install_file,
            "lock": self._install_lock,
            "pylock": self._install_pylock,
            "poetry": self._install_poetry,
            "project": self._install_project,
        }
        if requirements.kind in ways:
            ways[requirements.kind](requirements, folder)
        if requirements.itself:
            self._install_itself(requirements, folder)
        if self.tools.wanted:
            done = self._bound(*self.tools.wanted, folder=folder, cwd=requirements.home, asked="\n".join(self.tools.wanted))
            self._must(done, f"What site_python_packages names ({', '.join(self.tools.wanted)})")
        have = installed(folder)
        if missing := self._missing(have):
            with tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="extras-", encoding="utf-8") as hashes:
                hashes.write(applying(self.tools.extra_hashes, {**self.versions, **have}, missing))
                hashes.flush()
                os.chmod(hashes.name, 0o644)
                done = self._bound("--constraint", hashes.name, *missing, folder=folder, cwd=requirements.home)
            self._must(done, f"What every site needs ({', '.join(missing)})")

    def _pip(self, *arguments: str, folder: Path, cwd: Path, stdin: str | None = None) -> Outcome:
        """Install into a virtualenv."""
        words = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python"))
        return self._uv(*words, *arguments, folder=folder, cwd=cwd, stdin=stdin)

    @property
    def versions(self) -> dict[str, str]:
        """What other hosts have of packages from an index."""
        return {name: version for name, version in self.tools.pins.items() if not is_pin(version)}

    def _bound(self, *arguments: str, folder: Path, cwd: Path, asked: str = "") -> Outcome:
        """Install what no lock binds, in the versions that the fleet has where it has any.

        :param asked: what is asked for, as text. What comes from git may ask for more of it, which shows once it is installed.
        """
        if not self.tools.pins:
            return self._pip(*arguments, folder=folder, cwd=cwd)
        constraints = "".join(f"{name}=={version}\n" for name, version in sorted(self.versions.items()))
        replaced = overrides(self.tools.pins, asked, self.tools.environment)
        while True:
            with self._lent(constraint=constraints, override=replaced) as words:
                done = self._pip(*words, *arguments, folder=folder, cwd=cwd)
            asked += f"\n{asked_by(folder)}"
            before, replaced = replaced, overrides(self.tools.pins, asked, self.tools.environment)
            if done.code or replaced == before:
                return done

    @contextlib.contextmanager
    def _lent(self, **files: str) -> Iterator[list[str]]:
        """Lend the build account files that options of uv name; an address may hold a password."""
        with contextlib.ExitStack() as stack:
            words = []
            for option, text in files.items():
                if text:
                    file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".txt", prefix="pins-", encoding="utf-8"))
                    file.write(text)
                    file.flush()
                    _chown(Path(file.name), self.site)
                    words += [f"--{option}", file.name]
            yield words

    def _install_file(self, requirements: Requirements, folder: Path) -> None:
        words = ("-r", str(requirements.path))
        if requirements.hashed:
            done = self._pip("--require-hashes", *words, folder=folder, cwd=requirements.home)
        else:
            done = self._bound(*words, folder=folder, cwd=requirements.home, asked=requirements.content)
        self._must(done, f"The requirements in {requirements.path.name}")

    def _install_project(self, requirements: Requirements, folder: Path) -> None:
        words = ("-r", str(requirements.path))
        done = self._bound(*words, folder=folder, cwd=requirements.home, asked=requirements.content)
        self._must(done, "The requirements in pyproject.toml")

    def _install_pylock(self, requirements: Requirements, folder: Path) -> None:
        words = ("--preview-features", "pylock", "-r", str(requirements.path))
        self._must(self._pip(*words, folder=folder, cwd=requirements.home), "The requirements in pylock.toml")

    def _install_lock(self, requirements: Requirements, folder: Path) -> None:
        self._install_exported(self._export(requirements, folder), requirements, folder)

    def _install_poetry(self, requirements: Requirements, folder: Path) -> None:
        tool = self._poetry(requirements.home)
        words = ("export", "--no-interaction", "--format", "requirements.txt", "--without-urls")
        environment = {**self.tools.environment, **POETRY_ALONE, "POETRY_CACHE_DIR": str(tool / "cache")}
        exported = run(
            [str(tool / "bin" / "poetry"), *words],
            user=self.site.build_user,
            environment=environment,
            cwd=str(requirements.home),
            hidden=self.hidden,
            timeout=self.tools.seconds,
            too_slow=TOO_SLOW,
        )
        self._install_exported(exported, requirements, folder)

    def _install_exported(self, exported: Outcome, requirements: Requirements, folder: Path) -> None:
        """Install what a lock has: with hashes what has them, and what is bound by its commit or lies in the source."""
        what = f"The requirements in {requirements.path.name}"
        hashed, bound = parted(self._must(exported, what).stdout)
        for strict, text in (("--require-hashes", hashed), ("", bound)):
            if text:
                # A lock names everything; and what is hashed may need what can't be.
                words = ("--no-deps", *filter(None, (strict,)), "-r", "-")
                self._must(self._pip(*words, folder=folder, cwd=requirements.home, stdin=text), what)

    def _install_itself(self, requirements: Requirements, folder: Path) -> None:
        """Install the project as a package, or let it be served from its source where it is none after all."""
        done = self._pip("--no-deps", str(requirements.home), folder=folder, cwd=requirements.home)
        if done.code and self.importable and is_no_package(done.output):
            reason = next((line.strip() for line in done.output.splitlines() if NO_PACKAGE.search(line)), "")
            self.warnings.append(
                f"The project can't be installed as a package, and is served from its source ({reason}). "
                f"Write {'package-mode' if requirements.kind == 'poetry' else 'package'} = false below "
                f"[tool.{'poetry' if requirements.kind == 'poetry' else 'uv'}] in pyproject.toml, and nobody tries."
            )
            return
        self._must(done, "The project itself")

    def _export(self, requirements: Requirements, folder: Path) -> Outcome:
        """Return what uv.lock says as requirements with their hashes."""
        words = ["export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-editable"]
        words += ["--no-header", "--no-annotate", "--format", "requirements-txt"]
        # A lock names the index that it was made with, and a mirror of it here is no reason to call it outdated. No index has to
        # be asked whether it is, but repositories that it names do.
        offline = [] if "{ git = " in requirements.content else ["--offline"]
        home = requirements.home
        as_it_was_made = self._uv(*words, *offline, folder=folder, cwd=home, leave_out=("UV_DEFAULT_INDEX",))
        return as_it_was_made if as_it_was_made.code == 0 else self._uv(*words, folder=folder, cwd=home)

    def _poetry(self, cwd: Path) -> Path:
        """Return a virtualenv that has Poetry, which alone reads its lock, as it was tested."""
        return self.tool("poetry", self.tools.poetry, "Poetry, which reads poetry.lock,", cwd)

    def tool(self, program: str, requirements: str, what: str, cwd: Path) -> Path:
        """Return a virtualenv of its own that has a tool of ours, as it was tested; kept for later releases.

        :param requirements: a requirements file, with hashes or without.
        :param what: the tool in a message.
        :raises Trouble: it can't be installed.
        """
        key = hashlib.sha256(f"{requirements}{self.tools.python}".encode()).hexdigest()[:16]
        folder = self.site.root / "cache" / f"{program}-{key}"
        if (folder / "bin" / program).exists():
            return folder
        remove(folder)
        made = self._uv("venv", "--quiet", "--python", self.tools.python, str(folder), folder=folder, cwd=cwd)
        self._must(made, what)
        strict = ("--require-hashes",) if "--hash=" in requirements else ()
        done = self._pip(*strict, "-r", "-", folder=folder, cwd=cwd, stdin=requirements)
        if done.code:
            remove(folder)
        self._must(done, what)
        return folder

    def _missing(self, have: Mapping[str, str]) -> list[str]:
        if "django" not in have:
            raise Trouble(
                "The project's requirements don't install Django.",
                "Name Django in requirements.txt, pyproject.toml or uv.lock in the source, or in site_python_packages.",
            )
        missing = [extra for names, extra in self.tools.extras.items() if not any(name in have for name in names.split("|"))]
        return [in_version_of(extra, self.versions) for extra in missing]


def parted(exported: str) -> tuple[str, str]:
    """Return two lists of requirements: those that must have hashes, and those that something else binds."""
    hashed, bound = "", ""
    for entry in filter(str.strip, ENTRIES.split(exported)):
        if BOUND.match(entry) and "--hash=" not in entry:
            bound += f"{entry}\n"
        else:
            hashed += f"{entry}\n"
    return hashed, bound


def applying(hashes: str, have: Mapping[str, str], asked: Sequence[str]) -> str:
    """Return the part of a requirements file with hashes that may bind what is still to be installed.

    What the project has installed is the project's, and a version that the operator has chosen is not ours.

    :param hashes: the file's text.
    :param have: what is installed, by name.
    :param asked: the requirements that are to be installed.
    """
    chosen = {normalised(NAME.split(each)[0]): each for each in asked}
    kept = []
    for entry in ENTRIES.split(hashes):
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


def bound(folder: Path) -> dict[str, str]:
    """Return the distributions in a virtualenv by name: their versions, or commits where they come from git."""
    return {**installed(folder), **{package.name: package.commit for package in kept(folder) if package.commit}}


def in_version_of(requirement: str, pins: Mapping[str, str]) -> str:
    """Return a requirement in the version that the fleet has of it, where it has any."""
    pinned = pins.get(normalised(NAME.split(requirement)[0]))
    return f"{requirement.partition('==')[0]}=={pinned}" if pinned else requirement


def has_versions(have: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Tell whether everything that is installed and is wanted in a certain version has it."""
    return all(have.get(normalised(name), version) == version for name, version in wanted.items())


def _chown(path: Path, site: Site) -> None:
    import pwd

    account = pwd.getpwnam(site.build_user)
    os.chown(path, account.pw_uid, account.pw_gid)
