# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project's front end: where it is, what builds it, and which Node.js it wants."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.project import SKIPPED_FOLDERS
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.packages import numbers
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source

DEPTH = 4
# What Debian brings, by release.
NODE = {"Debian 12": 18, "Debian 13": 20, "Ubuntu 24.04": 18}
BUILD_SCRIPTS = ("build", "build:prod", "production", "prod", "compile", "dist")
LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
# Debian has npm alone; npm fetches the others.
FETCHED = {"yarn": "yarn@1", "pnpm": "pnpm@9", "bun": "bun@1"}
VERSION = re.compile(r"\d+(?:\.\d+)*")
LEAST = re.compile(r"(?:>=|\^|~|=|v|^|\s)\s*(\d+)")


@dataclass(frozen=True)
class FrontEnd:
    """A package.json whose script builds something.

    :param folder: where it is, relative to the source.
    :param script: the script that builds.
    :param tool: what installs its packages.
    :param lock: the lock that was found; empty for none.
    :param exact: what package.json says of the tool's version.
    :param node: the least Node.js that it wants, and where that is said; 0 for any.
    """

    folder: PurePosixPath
    script: str
    tool: str
    lock: str
    exact: str
    node: int
    said: str

    def commands(self) -> list[str]:
        """Return what builds it, as site_build_commands takes it: without a shell, from the top of the source."""
        folder = "" if str(self.folder) == "." else shlex.quote(str(self.folder))
        node = f"npx --yes --package=node@{self.node} -- " if self.node > max(NODE.values()) else ""
        if self.tool == "npm":
            inside = f" --prefix {folder}" if folder else ""
            return [f"{node}npm{inside} {'ci' if self.lock else 'install'}", f"{node}npm{inside} run {self.script}"]
        tool = f"{self.tool}@{self.exact}" if self.exact else FETCHED[self.tool]
        inside = {"yarn": "--cwd", "pnpm": "--dir", "bun": "--cwd"}[self.tool]
        said = f" {inside} {folder}" if folder else ""
        packages = f"--package=node@{self.node} --package={tool}" if node else f"--package={tool}"
        start = f"npx --yes {packages} -- {self.tool}{said}"
        return [f"{start} install --frozen-lockfile", f"{start} run {self.script}"]


def found(source: Source) -> list[FrontEnd]:
    """Return the front ends of a source, the uppermost first; none of those that other parts of it bring along."""
    return list(_front_ends(source))


def _front_ends(source: Source) -> Iterator[FrontEnd]:
    for path in source.named("package.json"):
        if len(path.parts) > DEPTH or not (SKIPPED_FOLDERS | {"static", "staticfiles"}).isdisjoint(path.parts):
            continue
        described = described_by(source.folder / path)
        scripts = described.get("scripts")
        names = scripts if isinstance(scripts, dict) else {}
        script = next((name for name in BUILD_SCRIPTS if name in names), "")
        if script:
            yield _front_end(source, path.parent, described, script)


def described_by(path: Path) -> dict[str, Any]:
    """Return what a package.json says; nothing where it can't be read."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def _front_end(source: Source, folder: PurePosixPath, described: dict[str, Any], script: str) -> FrontEnd:
    named, _at, exact = str(described.get("packageManager", "")).partition("@")
    lock = next((name for name in LOCKS if source.has(str(folder / name))), "")
    tool = named if named in {"npm", *FETCHED} else LOCKS.get(lock, "npm")
    version = VERSION.match(exact)
    node, said = _node(source, folder, described)
    return FrontEnd(folder, script, tool, lock, version[0] if version and tool != "npm" else "", node, said)


def _node(source: Source, folder: PurePosixPath, described: dict[str, Any]) -> tuple[int, str]:
    """Return the least major version of Node.js that is wanted, and where that is said."""
    for place in dict.fromkeys((folder, PurePosixPath())):
        for name in (".nvmrc", ".node-version"):
            path = source.folder / place / name
            if path.is_file():
                wanted = VERSION.search(path.read_text(encoding="utf-8", errors="replace")[:100])
                if wanted:
                    return numbers(wanted[0])[0], str(place / name)
    engines, volta = described.get("engines"), described.get("volta")
    for holder, word in ((volta, "volta"), (engines, "engines")):
        if isinstance(holder, dict) and isinstance(holder.get("node"), str):
            majors = [int(each) for each in LEAST.findall(holder["node"][:100]) if len(each) < 4]
            if majors:
                return min(majors), f"{word} in {folder / 'package.json'}"
    return 0, ""
