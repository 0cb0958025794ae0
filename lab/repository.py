"""The demo project's git repository, which lab hosts see as file:///srv/git/demo.git.

It follows the folder demo/, and each new edition differs from the one before by its version, which the page shows.
"""

from __future__ import annotations

import re
import tempfile
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
    if not (REPOSITORY / "HEAD").exists():
        GIT.mkdir(parents=True, exist_ok=True)
        run(["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", REPOSITORY])
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


def _committed() -> str:
    """Return the version file of the last commit, or nothing before the first."""
    return _git("show", f"{BRANCH}:{VERSION_FILE}", check=False)


def _commit(version_file: str) -> str:
    version = version_in(version_file)
    tree = _tree(version_file)
    if tree == _git("rev-parse", "--quiet", "--verify", f"{BRANCH}^{{tree}}", check=False).strip():
        return version
    parent = _git("rev-parse", "--quiet", "--verify", BRANCH, check=False).strip()
    parents = ["-p", parent] if parent else []
    commit = _git("commit-tree", tree, *parents, "-m", f"Edition {version}").strip()
    _git("update-ref", f"refs/heads/{BRANCH}", commit)
    return version


def _tree(version_file: str) -> str:
    """Write the folder, with another version file, into the repository and return the tree's name."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        _git("--work-tree", str(PROJECT), "add", "--all", ".", index=index)
        blob = _git("hash-object", "-w", "--stdin", text_in=version_file).strip()
        _git("update-index", "--cacheinfo", f"100644,{blob},{VERSION_FILE}", index=index)
        return _git("write-tree", index=index).strip()


def _git(*words: str, index: Path | None = None, text_in: str | None = None, check: bool = True) -> str:
    environment = {**_AUTHOR, "GIT_DIR": str(REPOSITORY)}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    done = run(["git", *words], environment=environment, text_in=text_in, check=check)
    return done.stdout if done.returncode == 0 else ""
