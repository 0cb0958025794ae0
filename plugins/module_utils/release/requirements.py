# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project needs, as its files say it: which of them counts, what is in it, and what of it lies in the source itself."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

# In the order in which they count, with the kind of each.
FILES = {
    "uv.lock": "lock",
    "pylock.toml": "pylock",
    "requirements.txt": "file",
    "poetry.lock": "poetry",
    "pyproject.toml": "project",
}
NESTED = re.compile(r"^[ \t]*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
EDITABLE = re.compile(r"^(?:-e|--editable)[\s=]")
ADDRESSED = re.compile(r"^[\w.\-]+\s*(?:\[[^\]]*\])?\s*@\s*(.*)$")
COMMENT = re.compile(r"(?:^|\s)#.*$", re.MULTILINE)
ARCHIVE = re.compile(r"\.(whl|tar\.gz|zip)$")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
# Longer marks first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    *((mark, "utf-32") for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    *((mark, "utf-16") for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)


@dataclass(frozen=True)
class Requirements:
    """Where a project says what it needs.

    :param kind: ``file`` (requirements.txt), ``lock`` (uv.lock), ``pylock`` (pylock.toml), ``poetry`` (poetry.lock),
        ``project`` (pyproject.toml alone), or ``none``.
    :param path: that file; the project's folder for ``none``.
    :param content: everything that decides what gets installed.
    :param hashed: each requirement carries its hash, so that they mean the same on every host and at any time.
    :param local: something is installed out of the source itself, so that the environment belongs to one release.
    :param home: the folder whose requirements they are, which has files for several in a workspace.
    :param itself: whether the project there is installed as a package, too.
    :param rewritten: texts of files that uv can't read as they are.
    :param notes: what is to be said of the choice.
    """

    kind: str
    path: Path
    content: str
    hashed: bool
    local: bool
    home: Path
    itself: bool = False
    rewritten: Mapping[Path, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find(source: Path, project: Path, named: str, environment: Mapping[str, str] | None = None) -> Requirements:
    """Return where the project says what it needs.

    :param source: top of the source.
    :param project: folder of ``manage.py``.
    :param named: the file that the operator names, relative to the source; empty to look.
    :param environment: what builds get, which lines of a requirements file may refer to.
    :raises Trouble: the named file is not there.
    """
    given = environment or {}
    if named:
        path = source / named
        if not path.is_file():
            raise Trouble(f"The source has no file {named}.", "Set site_requirements_file to one that it has, or to nothing.")
        return _read(FILES.get(path.name, "file"), path, project, given)
    for folder in dict.fromkeys((project, source)):
        there = [name for name in FILES if _counts(folder / name)]
        # A member of a workspace has no lock of its own.
        if there and not (there[0] == "pyproject.toml" and folder != source and _is_member(folder, source / "uv.lock")):
            return _read(FILES[there[0]], folder / there[0], project, given, tuple(_passed_over(there)))
    return Requirements("none", project, "", False, False, project)


def nothing_asked() -> Trouble:
    """Explain that a project doesn't say what it needs."""
    return Trouble(
        "The source has no uv.lock, pylock.toml, requirements.txt or poetry.lock, and no pyproject.toml with a [project] table.",
        "Add one, or name what the project needs in site_python_packages, for example [Django~=5.2.0].",
    )


def _counts(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.name == "pyproject.toml":
        return "project" in toml_of(path)
    return path.name not in ("uv.lock", "poetry.lock") or (path.parent / "pyproject.toml").is_file()


def _passed_over(there: list[str]) -> Iterator[str]:
    for name in there[1:]:
        if name in ("pylock.toml", "poetry.lock"):
            yield f"{there[0]} says what is installed, not {name} beside it: set site_requirements_file: {name} to have it so."


def _read(kind: str, path: Path, project: Path, environment: Mapping[str, str], notes: tuple[str, ...] = ()) -> Requirements:
    if kind == "file":
        return _file(path, environment, notes)
    content, described, home = path.read_text(encoding="utf-8"), toml_of(path.parent / "pyproject.toml"), path.parent
    if kind == "lock":
        return _lock(path, project, content, notes)
    if kind == "pylock":
        local = any({"directory", "archive"} & package.keys() for package in toml_of(path).get("packages", []))
        return Requirements(kind, path, content, True, local, home, notes=notes)
    itself = is_package(described)
    if kind == "poetry":
        local = any(
            package.get("source", {}).get("type") in ("directory", "file") for package in toml_of(path).get("package", [])
        )
        asked = content + (path.parent / "pyproject.toml").read_text(encoding="utf-8")
        return Requirements(kind, path, asked, True, local or itself, home, itself, notes=notes)
    return Requirements(kind, path, content, False, itself, home, itself, notes=notes)


def _lock(path: Path, project: Path, content: str, notes: tuple[str, ...]) -> Requirements:
    """Return what a workspace's lock has for the project: that of its own folder, where it is a member, or that of the top."""
    # What uv installs out of a folder; a "virtual" one has requirements alone.
    folders = _folders(path, "editable", "directory", "path")
    home = project if _is_member(project, path) else path.parent
    return Requirements("lock", path, content, True, bool(folders), home, home.resolve() in folders, notes=notes)


def _is_member(project: Path, lock: Path) -> bool:
    return project != lock.parent and project.resolve() in _folders(lock, "editable", "virtual")


def _folders(lock: Path, *kinds: str) -> list[Path]:
    """Return the folders and files that a uv.lock has packages in, of these kinds."""
    sources = [package.get("source", {}) for package in toml_of(lock).get("package", [])]
    return [(lock.parent / str(source[kind])).resolve() for source in sources for kind in kinds if kind in source]


def is_package(described: Mapping[str, Any]) -> bool:
    """Say whether a pyproject.toml describes something to be installed, and no mere list of requirements."""
    tools = described.get("tool", {})
    said = (tools.get("uv", {}).get("package"), tools.get("poetry", {}).get("package-mode"))
    return "build-system" in described and False not in said


def toml_of(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing when it is not there."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Trouble(f"{path.name} can't be read: {error}.", "Correct it, push, and deploy again.") from error


def _file(path: Path, environment: Mapping[str, str], notes: tuple[str, ...]) -> Requirements:
    content, seen = "", {path.resolve()}
    waiting, rewritten = [path], {}
    while waiting:
        one = waiting.pop()
        if not one.is_file():
            raise Trouble(f"{path.name} names {one.name}, which the source doesn't have.", "Add the file, or remove the line.")
        text, legible = decoded(one)
        if not legible:
            rewritten[one] = text
        content += f"{text}\n"
        for nested in NESTED.findall(text):
            other = one.parent / _filled_in(nested, environment, one)
            if "://" not in nested and other.resolve() not in seen:
                seen.add(other.resolve())
                waiting.append(other)
    return Requirements(
        "file", path, content, "--hash=" in content, has_local(content), path.parent, rewritten=rewritten, notes=notes
    )


def _filled_in(nested: str, environment: Mapping[str, str], path: Path) -> str:
    for name in VARIABLE.findall(nested):
        if name not in environment:
            raise Trouble(
                f"{path.name} names {nested}, and builds have no variable {name}.",
                f"Write the path itself there, or set {name} in site_build_env.",
            )
    return VARIABLE.sub(lambda found: environment[found[1]], nested)


def decoded(path: Path) -> tuple[str, bool]:
    """Return the text of a requirements file, and whether uv can read it as it is.

    :raises Trouble: it is no text.
    """
    raw = path.read_bytes()
    marked = next((encoding for mark, encoding in MARKS if raw.startswith(mark)), "")
    text = ""
    for encoding in (marked,) if marked else ("utf-8", "latin-1"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    # Any bytes are Latin-1; but no text has these.
    if (raw and not text) or "\0" in text:
        raise Trouble(f"{path.name} is no text that can be read.", "Save it as UTF-8, commit it and deploy again.")
    return text, bool(marked) or encoding == "utf-8"


def has_local(content: str) -> bool:
    """Say whether lines of requirements name something in the source itself."""
    return any(_is_local(line.strip()) for line in COMMENT.sub("", content).splitlines())


def _is_local(line: str) -> bool:
    if EDITABLE.match(line):
        return True
    if not line or line.startswith("-"):
        return False
    asked = line.partition(";")[0].split(" --")[0].strip()
    addressed = ADDRESSED.match(asked)
    place = addressed[1] if addressed else asked
    if place.startswith("file:"):
        return True
    if "://" in place:
        return False
    return bool(addressed) or "/" in place or place.startswith(".") or bool(ARCHIVE.search(place))
