# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A role's folder of templates, read as a picture of the host's file system."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    ABSENT,
    DIRECTORY,
    FILE,
    LINK,
    Wanted,
)

RENDERED = ".j2"
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}

Render = Callable[..., bytes]


@dataclass(frozen=True)
class Source:
    """A file below a role's templates."""

    file: Path
    name: str

    @property
    def is_template(self) -> bool:
        """Whether the file is rendered."""
        return self.file.suffix == RENDERED

    def destination(self, names: Mapping[str, str]) -> str:
        """Return the absolute path on the host."""
        return "/" + substitute(self.name, names)


@dataclass(frozen=True)
class Options:
    """What a task asks for."""

    names: Mapping[str, str]
    present: Mapping[str, Any]
    permissions: Mapping[str, Mapping[str, str]]
    secret: Sequence[str]
    directories: Sequence[Mapping[str, str]]
    links: Sequence[Mapping[str, str]]
    absent: Sequence[str]
    left_alone: Sequence[str]
    subtree: str
    each: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def wanted_set(templates: Path, options: Options, render: Render) -> list[Wanted]:
    """Return everything that shall be on the host: folders, files, links, and what shall be gone."""
    sources = sources_in(templates, options.subtree)
    refuse_unknown_names(templates, options)
    return [
        *(folder(item) for item in options.directories),
        *(
            wanted_file(source, options, render, element)
            for source in sources
            if source.name not in options.left_alone
            for element in elements_of(source, options.each)
        ),
        *(Wanted(absolute(item["path"]), LINK, target=item["target"]) for item in options.links),
        *(Wanted(absolute(path), ABSENT) for path in options.absent),
    ]


def sources_in(templates: Path, subtree: str) -> list[Source]:
    """Return the files below a role's templates, or below one folder of them, in the order of their names."""
    top = templates / subtree.strip("/")
    if subtree and not top.is_dir():
        raise Trouble(f"subtree: {subtree} is no folder below {templates}.")
    found = []
    for folder_path, folders, files in os.walk(top):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        found += [Path(folder_path, name) for name in sorted(files)]
    return [Source(file, file.relative_to(templates).as_posix().removesuffix(RENDERED)) for file in found]


def refuse_unknown_names(templates: Path, options: Options) -> None:
    """Stop when an option speaks of a file that the role doesn't have: it would be ignored for ever."""
    known = {source.name for source in sources_in(templates, "")}
    folders = {parent.as_posix() for name in known for parent in Path(name).parents}
    for option, names, possible in (
        ("present", options.present, known | folders),
        ("permissions", options.permissions, known),
        ("secret", options.secret, known),
        ("left_alone", options.left_alone, known),
    ):
        for name in names:
            if name not in possible:
                raise Trouble(f"{option}: {name} is not below {templates}; write the path as there, without {RENDERED}.")


# A placeholder and what stands for it in one of the files that a source becomes.
Element = tuple[str, Mapping[str, Any]] | None


def elements_of(source: Source, each: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Element]:
    """Return for which elements of a list a source becomes a file of its own; without such a placeholder it becomes one."""
    placeholder = next((placeholder for placeholder in each if placeholder in source.name), "")
    return [(placeholder, element) for element in each[placeholder]] if placeholder else [None]


def wanted_file(source: Source, options: Options, render: Render, element: Element = None) -> Wanted:
    """Return the file that a source becomes, or its absence."""
    path = source.destination({**options.names, element[0]: str(element[1]["name"])} if element else options.names)
    if not is_present(source.name, options.present):
        return Wanted(path, ABSENT)
    secret = source.name in options.secret
    permissions = options.permissions.get(source.name, {})
    return Wanted(
        path,
        FILE,
        content=rendered(source, path, render, element) if source.is_template else source.file.read_bytes(),
        owner=str(permissions.get("owner", "root")),
        group=str(permissions.get("group", "root")),
        mode=octal(permissions.get("mode", default_mode(source.file, secret)), path),
        secret=secret,
    )


def rendered(source: Source, path: str, render: Render, element: Element) -> bytes:
    """Return what a template says, of an element where it is there for one."""
    return render(source.file, path, {"item": element[1]}) if element else render(source.file, path)


def is_present(name: str, present: Mapping[str, Any]) -> bool:
    """Say whether neither a file nor a folder above it is switched off."""
    return all(boolean(value) for key, value in present.items() if name == key or name.startswith(key.rstrip("/") + "/"))


def default_mode(file: Path, secret: bool) -> str:
    """Return the mode of a file for which the task names none."""
    if os.access(file, os.X_OK):
        return "0700" if secret else "0755"
    return "0600" if secret else "0644"


def folder(item: Mapping[str, str]) -> Wanted:
    """Return the folder that an element of `directories` describes."""
    path = absolute(item["path"])
    return Wanted(path, DIRECTORY, owner=item["owner"], group=item["group"], mode=octal(item["mode"], path))


def substitute(path: str, names: Mapping[str, str]) -> str:
    """Put the names in place of their placeholders; a name may look like another one's."""
    placeholders = "|".join(map(re.escape, names))
    return re.sub(placeholders, lambda found: str(names[found[0]]), path) if names else path


def absolute(path: str) -> str:
    """Return a path without needless slashes; refuse one that is not absolute."""
    if not path.startswith("/"):
        raise Trouble(f"{path!r} is no absolute path; write it from the root of the host's file system.")
    return os.path.normpath(path)


def octal(mode: object, path: str) -> int:
    """Return permissions that are written as an octal text."""
    if isinstance(mode, str) and mode.isdigit():
        try:
            return int(mode, 8)
        except ValueError:
            pass
    raise Trouble(f'The mode of {path} is {mode!r}; write it quoted and octal, such as "0644".')
