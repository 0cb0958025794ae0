"""What the present change touches, as git tells it: tests of that are never left out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from lab.paths import ROOT

MAIN = ("origin/main", "main")
# In these folders a path names its concern: roles/nginx, plugins/modules/nginx_service.py.
NAMING = ("roles", "plugins", "playbooks")
# What no host ever sees.
WORDS_ONLY = (".md",)
# A change of more roles than these touches a little of everything.
ROLES_OF_A_NARROW_CHANGE = 4


@dataclass(frozen=True)
class Change:
    """The paths that differ from what the change began with, relative to the checkout."""

    paths: frozenset[str] = frozenset()

    def touches_file(self, path: str) -> bool:
        """Tell whether a file itself is changed."""
        return path in self.paths

    def touches(self, concerns: Iterable[str]) -> bool:
        """Tell whether a role, module or playbook is changed that has one of these names, or begins with it."""
        named = {part for path in self.paths for part in _named(path)}
        return any(part == concern or part.startswith(f"{concern}_") for concern in concerns for part in named)

    @property
    def roles(self) -> list[str]:
        """The roles that are changed."""
        parts = (PurePosixPath(path).parts for path in self.paths if not path.endswith(WORDS_ONLY))
        return sorted({name[1] for name in parts if len(name) > 2 and name[0] == "roles"})

    @property
    def is_narrow(self) -> bool:
        """Whether the roles that are changed are few enough to tell their tests from the others."""
        return len(self.roles) <= ROLES_OF_A_NARROW_CHANGE

    def __str__(self) -> str:
        """Return the sentence in which the suite says it."""
        if not self.paths:
            return "The change touches no file."
        files = "1 file" if len(self.paths) == 1 else f"{len(self.paths)} files"
        named = ", ".join(self.roles)
        roles = {0: "no role", 1: f"the role {named}"}.get(len(self.roles), f"the roles {named}")
        return f"The change touches {files} and {roles}."


def read_change() -> Change:
    """Return what differs from the main branch, or on that branch from the commit before; nothing where git can't tell."""
    base = _base()
    if not base:
        return Change()
    changed = _git("diff", "--name-only", "-z", base, "--")
    added = _git("ls-files", "--others", "--exclude-standard", "-z")
    return Change(frozenset(path for path in f"{changed}\0{added}".split("\0") if path))


def _base() -> str:
    if _git("rev-parse", "--show-toplevel") != str(ROOT):
        # An unpacked archive, maybe inside somebody else's repository.
        return ""
    head = _git("rev-parse", "HEAD")
    for branch in MAIN:
        base = _git("merge-base", "HEAD", branch)
        if base and base != head:
            return base
    return _git("rev-parse", "--verify", "--quiet", "HEAD^")


def _git(*words: str) -> str:
    """Return what git says, or nothing where it fails or is missing."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _named(path: str) -> Iterable[str]:
    parts = PurePosixPath(path)
    if parts.parts[0] in NAMING and parts.suffix not in WORDS_ONLY:
        yield from (PurePosixPath(part).stem for part in parts.parts[1:])
