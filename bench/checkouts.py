"""Earlier versions of this repository, each in a folder of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.hosts import ROOT
from bench.measure import tell

# Before hosts were compared in one call and steps were sent by one module.
COMMIT = "e1e8714"
CHECKOUTS = ROOT / ".lab" / "bench" / "checkouts"


def checkout(commit: str) -> Path:
    """Return a folder with the files of a commit, which is a worktree of git and is made once; of a dot, what is here."""
    if commit == ".":
        return ROOT
    found = subprocess.run(
        ["git", "rev-parse", "--verify", "--short=12", f"{commit}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode != 0:
        raise SystemExit(
            f"This repository has no commit {commit}. Name one with --commit, or fetch it: git fetch origin {commit}"
        )
    folder = CHECKOUTS / found.stdout.strip()
    if not folder.exists():
        tell(f"check out {commit}")
        # One that somebody has removed by hand is still in git's list.
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", folder, commit], cwd=ROOT, check=True)
    return folder
