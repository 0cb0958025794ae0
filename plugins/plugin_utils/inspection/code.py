# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project's Python code, as a tree that is looked at and never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.release.project import SKIPPED_FOLDERS
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import MEBI

MOST_CODE_BYTES = MEBI
# What the parser raises for a file that is no Python, or that somebody made to exhaust it.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OSError)


def parsed(path: Path) -> ast.Module:
    """Return the code of a file.

    :raises ValueError: there is too much of it. Other errors of ``UNREADABLE`` as well.
    """
    if path.stat().st_size > MOST_CODE_BYTES:
        raise ValueError(f"more than {MOST_CODE_BYTES // MEBI} MiB of code")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(path.read_bytes())


def module_file(module: str, folders: Sequence[Path]) -> Path | None:
    """Return the file of a module, where one of these folders has it."""
    for folder in folders:
        path = folder.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def own_files(source: Path) -> Iterator[Path]:
    """Yield the files of code that are the project's own, tests left out."""
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).parts
        left_out = any(part.startswith(".") for part in parts) or path.name.startswith(("test_", "conftest"))
        if not left_out and SKIPPED_FOLDERS.isdisjoint(parts) and path.is_file():
            yield path
