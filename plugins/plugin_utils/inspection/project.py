# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project is, found out from its files by the same rules as a build's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import project as projects
from ansible_collections.hotclub.django.plugins.module_utils.release import python_version
from ansible_collections.hotclub.django.plugins.module_utils.release import requirements as needs
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection import files, libraries, services, variables
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection import settings as settings_files
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.code import module_file
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import PYTHONS, Look, Wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.packages import Package, asked, in_groups, numbers
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.report import Report
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source

T = TypeVar("T")
READERS = {
    "lock": "uv, exactly as locked",
    "pylock": "uv, exactly as locked",
    "poetry": "Poetry, exactly as locked",
    "file": "uv",
    "project": "uv",
}
# What uv can bring, newest last.
BROUGHT = ("3.11", "3.12", "3.13", "3.14")
# Which versions of Python a version of Django runs with at all: from, and up to.
DJANGO = {
    (3, 2): ("3.6", "3.11"),
    (4, 0): ("3.8", "3.11"),
    (4, 1): ("3.8", "3.12"),
    (5, 0): ("3.10", ""),
    (6, 0): ("3.12", ""),
}
REQUIREMENT_FOLDERS = ("requirements", "requires", "reqs", "deps")
REQUIREMENT_NAMES = ("production", "prod", "deploy", "live", "requirements", "base", "common", "main")
UNREAD = {
    "Pipfile.lock": "run `pipenv requirements > requirements.txt` and commit that",
    "Pipfile": "run `pipenv requirements > requirements.txt` and commit that",
    "pdm.lock": "run `pdm export -o pylock.toml` (or requirements.txt) and commit that",
    "environment.yml": "write a requirements.txt: conda is not used",
    "setup.py": "write a requirements.txt with one line, a dot, which installs it",
    "setup.cfg": "write a requirements.txt with one line, a dot, which installs it",
}
# Folders of projects that show something, beside the one that is served.
NOT_SERVED = {"example", "demo", "sample", "testproject", "sandbox", "tests", "test_project", "example_project"}
OLD_GUNICORN = (21,)
BY_SSH = re.compile(r"git\+ssh://|\bssh://git@")
VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", re.MULTILINE)


def inspect(source: Source, wanted: Wanted, title: str) -> Report:
    """Return what is found out about a project."""
    report = Report(title, wanted.variables)
    project = _project(source, wanted, report)
    look = Look(source, wanted, report, project)
    _settings(look)
    _requirements(look)
    _python(look)
    if look.module:
        look.committed = committed(look)
        given = {**dict.fromkeys(look.committed), **wanted.given}
        if found := tried(report, lambda: settings_files.read(look.module, source.folder, project, given)):
            look.settings = found
        _what_was_read(look)
    for judge in (_native, services.judge, files.judge, variables.judge) if look.module else (_native,):
        tried(report, lambda judge=judge: judge(look))  # type: ignore[misc]
    report.notes += source.left_out[:5]
    return report


def committed(look: Look) -> frozenset[str]:
    """Return the variables of a .env file that is in the source, where readers of the environment look for more of it."""
    names: set[str] = set()
    for folder in dict.fromkeys((look.project, look.top)):
        path = folder / ".env"
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            names.update(VARIABLE.findall(text))
            look.report.notes.append(
                f"{look.shown(path)} is in the source: what it says counts where the inventory says nothing."
            )
    return frozenset(names)


def tried(report: Report, look: Callable[[], T]) -> T | None:
    """Return what looking at something brings; a file that nobody could read stops nothing but that."""
    try:
        return look()
    except Trouble as trouble:
        report.stops.append(trouble)
    except Exception as error:  # whatever somebody may have written into a file
        report.notes.append(f"A part of the project could not be looked at: {type(error).__name__}: {error}")
    return None


def _project(source: Source, wanted: Wanted, report: Report) -> Path:
    """Return the folder of manage.py, or the top of the source where it can't be told."""
    found = tried(report, lambda: projects.folder(source.folder, wanted.text("site_project_path")))
    others = projects.folders(source.folder)
    if found is None and others:
        found = min(others, key=lambda path: (not NOT_SERVED.isdisjoint(path.relative_to(source.folder).parts), str(path)))
        rest = ", ".join(str(path.relative_to(source.folder)) for path in others if path != found)
        report.set("site_project_path", str(found.relative_to(source.folder)), f"or {rest}")
    if found is None:
        report.fact("project", "no manage.py was found, so little can be told")
        return source.folder
    place = str(found.relative_to(source.folder))
    layout = "manage.py at the top" if place == "." else f"manage.py in {place}"
    layout += ", a src layout" if place == "src" else ""
    report.fact("project", f"{layout}; {len(source.files)} files{f'; {source.told}' if source.told else ''}")
    return found


def _settings(look: Look) -> None:
    """Find the settings module, and what lies beside it."""
    named = look.wanted.text("site_settings_module")
    try:
        look.module = projects.settings_module(look.project, named)
    except Trouble as trouble:
        look.report.stops.append(trouble)
        text = (look.project / "manage.py").read_text(errors="replace")
        found = projects.SETTINGS.search(text)
        look.module = projects.production_beside(look.project, found[1]) if found else ""
        if look.module:
            look.report.set("site_settings_module", look.module, f"manage.py names {found[1] if found else 'none'}")
    except OSError:
        return
    path = module_file(look.module, (look.project, look.top)) if look.module else None
    if not look.module:
        return
    several = path is not None and path.parent.name.startswith("settings")
    beside = sorted(each.stem for each in path.parent.glob("*.py")) if path is not None and several else []
    others = [name for name in beside if name not in ("__init__", path.stem if path else "")]
    listed = f"; beside it {', '.join(others)}" if others else ""
    how = "with production settings laid over it" if look.wanted.layered else "alone, as site_settings_mode says"
    look.report.fact("settings", f"{look.module}, {how}{listed}")
    if path is None:
        look.report.notes.append(
            f"The source has no {look.module}: it comes with a package, and what it wants from the environment can't be told."
        )


def _what_was_read(look: Look) -> None:
    settings = look.settings
    for unreadable in settings.unreadable:
        look.report.notes.append(f"Settings that can't be read by this machine's Python: {unreadable}")
    for module in dict.fromkeys(settings.outside):
        if module != look.module:
            look.report.notes.append(f"The settings take over those of {module}, which the source doesn't have.")
    if settings.classes:
        look.report.stop(
            f"{look.module} has classes of django-configurations, which only its own manage.py and wsgi.py know to load.",
            "Write a module with plain settings for production, and name it in site_settings_module.",
        )
    if not look.wanted.layered and settings.values.get("DEBUG") is True:
        remedy = "Write DEBUG = False there; or set site_settings_mode: layered."
        look.report.stop(f"{look.line('DEBUG')} is on: visitors would see the project's code on every error.", remedy)


def _requirements(look: Look) -> None:
    """Find what is installed, and by what."""
    named = look.wanted.text("site_requirements_file")
    given = look.wanted.variables.get("site_build_env") or {}
    environment = {str(name): str(value) for name, value in given.items()}
    found = tried(look.report, lambda: needs.find(look.top, look.project, named, environment))
    look.requirements = found
    packages = look.wanted.texts("site_python_packages")
    look.packages = tried(look.report, lambda: asked(found, packages)) or {}
    if found is None:
        return
    if found.kind == "none":
        _nothing_found(look, packages)
        return
    _found(look, found)


def _found(look: Look, found: needs.Requirements) -> None:
    """Tell what is installed."""
    how = READERS[found.kind] + (", with hashes" if found.hashed and found.kind == "file" else "")
    parts = f"; {len(look.packages)} packages" if found.kind in ("lock", "pylock", "poetry") else ""
    look.report.fact("requirements", f"{look.shown(found.path)}, read by {how}{parts}")
    if found.local:
        look.report.fact("requirements", "parts of it are installed out of the source, into a virtualenv of each release")
    if found.kind == "file" and not found.hashed and not _is_pinned(look):
        look.report.notes.append(
            f"{look.shown(found.path)} does not say every version: each new virtualenv takes the newest, and what packages need "
            "in turn is not seen here. A lock (uv.lock, pylock.toml, or requirements with hashes) makes deploys repeatable."
        )
    look.report.notes += found.notes
    _places(look, found)
    _extras(look, found)
    _known_packages(look)


def _places(look: Look, found: needs.Requirements) -> None:
    """Tell of packages that come from elsewhere than the index."""
    if found.kind == "file" and "--extra-index-url" in found.content:
        look.report.notes.append(
            f"{look.shown(found.path)} names a further index, of which uv takes only what the first has nothing of: where all "
            "are trusted alike, set site_build_env: {UV_INDEX_STRATEGY: unsafe-best-match}."
        )
    if BY_SSH.search(found.content):
        look.report.unserved.append(
            f"{look.shown(found.path)} has packages from repositories by SSH, for which builds have no key: name them by https, "
            "with a token that site_build_env gives where they are private."
        )


def _is_pinned(look: Look) -> bool:
    return bool(look.packages) and all(package.version for package in look.packages.values())


def _nothing_found(look: Look, packages: list[str]) -> None:
    if packages:
        look.report.fact("requirements", f"site_python_packages alone: {', '.join(packages)}")
        return
    candidates = list(_elsewhere(look))
    if candidates:
        trouble = needs.nothing_asked()
        look.report.stop(trouble.cause, f"Set site_requirements_file: {candidates[0]}.")
        others = f"or {', '.join(candidates[1:4])}" if candidates[1:] else "the only one that was found"
        look.report.set("site_requirements_file", candidates[0], others)
        found = tried(look.report, lambda: needs.find(look.top, look.project, candidates[0]))
        look.requirements, look.packages = found, tried(look.report, lambda: asked(found, [])) or {}
        if found is not None:
            _found(look, found)
        return
    trouble = needs.nothing_asked()
    there = next((name for name in UNREAD if look.source.has(name)), "")
    look.report.stop(trouble.cause, f"{there} is not read: {UNREAD[there]}." if there else trouble.remedy)


def _elsewhere(look: Look) -> Iterator[str]:
    """Yield lists of requirements in the places where projects keep several."""
    bases = dict.fromkeys((look.project, look.top))
    for base in bases:
        for name in REQUIREMENT_NAMES:
            for path in (*(base / folder / f"{name}.txt" for folder in REQUIREMENT_FOLDERS), base / f"requirements-{name}.txt"):
                if path.is_file():
                    yield look.shown(path)


def _extras(look: Look, found: needs.Requirements) -> None:
    names = [name for name in in_groups(found.home) if name.lower() in {*REQUIREMENT_NAMES, "server", "postgres", "postgresql"}]
    if names and found.kind in ("lock", "project", "poetry"):
        look.report.notes.append(
            f"pyproject.toml has the groups or extras {', '.join(names)}, which are not installed: where the site needs them, "
            "name their packages in site_python_packages."
        )


def _known_packages(look: Look) -> None:
    django = look.packages.get("django")
    if django is not None:
        look.report.fact("requirements", f"Django {told_version(django)}")
    elif look.requirements is not None and look.requirements.kind in ("lock", "pylock", "poetry"):
        look.report.stop(
            "The project's requirements don't install Django.",
            "Name Django in requirements.txt, pyproject.toml or uv.lock in the source, or in site_python_packages.",
        )
    gunicorn = look.packages.get("gunicorn")
    if gunicorn is not None and gunicorn.version and numbers(gunicorn.version) < OLD_GUNICORN:
        look.report.stop(
            f"gunicorn {gunicorn.version}, which the project's requirements name, can't be imported with today's setuptools.",
            "Take it out of the requirements, and one that was tested is installed; or name a newer version of it there.",
        )


def told_version(package: Package) -> str:
    """Return in words which version is installed."""
    return package.version or (f"{package.least} or newer" if package.least else "in its newest version")


def _python(look: Look) -> None:
    """Compare the interpreters that there are with the one that the project wants."""
    required = tried(look.report, lambda: python_version.required(look.top, look.project)) or ""
    wish = tried(look.report, lambda: python_version.wished(look.top, look.project)) or ""
    least, most = django_bounds(look)
    said = [f"requires {required}" if required else "", f".python-version {wish}" if wish else ""]
    said += [f"Django wants {least} or newer" if least not in ("", "3.6", "3.8", "3.10") else ""]
    said += [f"Django {look.packages['django'].version} runs with {most} at most" if most else ""]
    look.report.fact("Python", "; ".join(filter(None, said)) or "says nothing of it")

    def takes(version: str) -> bool:
        meets = not required or python_version.satisfies(f"{version}.99" if required.startswith(">=") else version, required)
        return meets and (not least or numbers(version) >= numbers(least)) and (not most or numbers(version) <= numbers(most))

    have = look.wanted.text("python_version")
    fitting = [version for version in BROUGHT if takes(version)]
    wished = [version for version in fitting if wish and python_version.is_wished(version, ".".join(wish.split(".")[:2]))]
    best = next(iter([*wished, *[version for version in fitting if version in PYTHONS.values()][-1:], *fitting[-1:]]), "")
    if have:
        if not takes(have):
            look.report.stop(
                f"The project requires Python {required or least or f'{most} at most'}, and the inventory says {have}.",
                f'Set python_version: "{best}".' if best else "Choose a version that both take.",
            )
        return
    lacking = [f"{place} has {version}" for place, version in PYTHONS.items() if not takes(version)]
    if lacking and best and len(lacking) < len(PYTHONS):
        look.report.offer("python_version", f'"{best}"', f"where {' and '.join(lacking)}")
    elif lacking and best:
        look.report.set("python_version", best, " and ".join(lacking))
    elif lacking:
        look.report.stop(
            f"The project requires Python {required}, which is none of {', '.join(BROUGHT)}.",
            "Let requires-python take one of these, or name in python_version one that uv brings.",
        )
    if wished and not lacking:
        others = [f"{place} has {version}" for place, version in PYTHONS.items() if not python_version.is_wished(version, wish)]
        if others:
            look.report.offer("python_version", f'"{best}"', f".python-version asks for {wish}; {' and '.join(others)}")


def django_bounds(look: Look) -> tuple[str, str]:
    """Return the oldest and the newest Python that the project's Django runs with; empty where there is no bound."""
    django = look.packages.get("django")
    version = numbers(django.least)[:2] if django is not None and django.least else ()
    if not version:
        return "", ""
    bounds = DJANGO[max((known for known in DJANGO if known <= version), default=min(DJANGO))]
    if (4, 2) <= version < (5, 0):
        bounds = ("3.8", "")
    return bounds[0], bounds[1] if django is not None and django.version else ""


def _native(look: Look) -> None:
    """Ask for the Debian packages that Python packages need."""
    for need in libraries.needs(look.packages, look.pythons):
        look.report.fact("libraries", f"{need.why}: {', '.join([*need.run, *need.build])}")
        look.report.add("site_packages", need.run, need.why)
        look.report.add("site_build_packages", need.build, need.why)
