"""What pgBackRest is asked and told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

STANZA = "main"
# What it prints is what it was asked for, and what it warns of goes to the journal.
QUIET = ("--log-level-console=off", "--log-level-stderr=warn")
SHOWN_LINES = 12
# In its words, when the two hosts of a connection have different versions of it.
OTHER_VERSION = "greeting key 'version'"
SAME_VERSION = "\nThis host and the one that keeps the backups need the same version of pgBackRest: run playbooks/patch.yml."


class BackupError(Exception):
    """What can't be done, and why."""


def run(*words: str) -> str:
    """Run a program and return what it prints.

    :raises BackupError: it failed; says how.
    """
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, cwd="/")
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-SHOWN_LINES:])
        said += SAME_VERSION if OTHER_VERSION in said else ""
        raise BackupError(f"{' '.join(word for word in words if not word.startswith('-'))} failed: {said or done.returncode}")
    return done.stdout


def pgbackrest(*words: str) -> str:
    """Run pgBackRest for the cluster of this host."""
    return run("pgbackrest", f"--stanza={STANZA}", *QUIET, *words)


def repository(number: int) -> dict[str, Any]:
    """Return what pgBackRest says of one repository: its backups from the oldest on, or why it can't be read."""
    nothing = {"backups": [], "exists": False, "error": "", "archive": "", "version": "", "system": "", "busy": False}
    try:
        told = json.loads(pgbackrest("info", "--output=json", f"--repo={number}") or "[]")
    except BackupError as failed:
        return nothing | {"exists": True, "error": str(failed)}
    if not told:
        return nothing
    status = next((repo["status"] for repo in told[0].get("repo", []) if repo["key"] == number), told[0]["status"])
    exists = status["code"] not in (1, 3)
    error = status["message"] if status["code"] == 99 else ""
    # Those of an earlier major version lead nowhere any more.
    server = max((one for one in told[0].get("db", []) if one["repo-key"] == number), key=lambda one: one["id"], default=None)
    mine = (number, server["id"]) if server else None
    backups = [backup for backup in told[0].get("backup", []) if _server_of(backup) == mine]
    archives = [archive for archive in told[0].get("archive", []) if _server_of(archive) == mine]
    return {
        "backups": backups,
        "exists": exists,
        "error": error,
        "archive": archives[-1]["id"] if archives else "",
        "version": str(server["version"]) if server else "",
        "system": str(server["system-id"]) if server else "",
        # Whether a backup is being made right now.
        "busy": bool(told[0]["status"].get("lock", {}).get("backup", {}).get("held")),
    }


def _server_of(one: Mapping[str, Any]) -> tuple[int, int]:
    """Return the repository of a backup or an archive, and the number by which that knows the server."""
    return one["database"]["repo-key"], one["database"]["id"]


def archived_paths(number: int, archive: str) -> Sequence[str]:
    """Return what lies in the archive of a repository."""
    if not archive:
        return ()
    place = f"archive/{STANZA}/{archive}"
    # With the stanza, for which alone a host that keeps backups answers.
    return list(json.loads(pgbackrest("repo-ls", f"--repo={number}", "--recurse", "--output=json", place)))
