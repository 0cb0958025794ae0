"""The demo project's git repository, which lab hosts see as file:///srv/git/demo.git.

It follows the folder demo/, and each new edition differs from the one before by its version, which the page shows.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.commands import run
from lab.paths import GIT, ROOT

PROJECT = ROOT / "demo"
REPOSITORY = GIT / "demo.git"
BRANCH = "main"
VERSION_FILE = "guestbook/__init__.py"

_VERSION = re.compile(r'^VERSION = "(\d+)\.(\d+)"$', re.MULTILINE)
_AUTHOR = {
    **{f"GIT_{role}_NAME": "Lab" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "lab@localhost" for role in ("AUTHOR", "COMMITTER")},
}


def ensure_demo() -> str:
    """Bring the repository to the state of the folder, keeping the edition; return the version."""
    text = _committed() or (PROJECT / VERSION_FILE).read_text(encoding="utf-8")
    return _commit(text)


def add_edition() -> str:
    """Commit the next edition and return its version."""
    ensure_demo()
    return _commit(next_version(_committed()))


def next_version(text: str) -> str:
    """Return the version file with the minor number raised by one."""
    return _VERSION.sub(lambda found: f'VERSION = "{found[1]}.{int(found[2]) + 1}"', text)


def version_in(text: str) -> str:
    """Return the version that a version file names."""
    found = _VERSION.search(text)
    return f"{found[1]}.{found[2]}" if found else ""


def commit_folder(repository: Path, folder: Path, changed: Mapping[str, str], message: str = "Edition") -> None:
    """Commit a folder to a bare repository, which is made where there is none, with files that differ from it."""
    if not (repository / "HEAD").exists():
        repository.parent.mkdir(parents=True, exist_ok=True)
        run(["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", repository])
    tree = _tree(repository, folder, changed)
    if tree == _git(repository, "rev-parse", "--quiet", "--verify", f"{BRANCH}^{{tree}}", check=False).strip():
        return
    parent = _git(repository, "rev-parse", "--quiet", "--verify", BRANCH, check=False).strip()
    parents = ["-p", parent] if parent else []
    commit = _git(repository, "commit-tree", tree, *parents, "-m", message).strip()
    _git(repository, "update-ref", f"refs/heads/{BRANCH}", commit)


def _committed() -> str:
    """Return the version file of the last commit, or nothing before the first."""
    return _git(REPOSITORY, "show", f"{BRANCH}:{VERSION_FILE}", check=False) if (REPOSITORY / "HEAD").exists() else ""


def _commit(version_file: str) -> str:
    version = version_in(version_file)
    commit_folder(REPOSITORY, PROJECT, {VERSION_FILE: version_file}, f"Edition {version}")
    return version


def _tree(repository: Path, project: Path, changed: Mapping[str, str]) -> str:
    """Write a folder, with some files changed, into a repository and return the tree's name."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        _git(repository, "--work-tree", str(project), "add", "--all", ".", index=index)
        for path, text in changed.items():
            blob = _git(repository, "hash-object", "-w", "--stdin", text_in=text).strip()
            _git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", index=index)
        return _git(repository, "write-tree", index=index).strip()


def _git(repository: Path, *words: str, index: Path | None = None, text_in: str | None = None, check: bool = True) -> str:
    environment = {**_AUTHOR, "GIT_DIR": str(repository)}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    done = run(["git", *words], environment=environment, text_in=text_in, check=check)
    return done.stdout if done.returncode == 0 else ""
