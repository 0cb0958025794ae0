# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs of playbooks have changed a host: whose, from where, what they were asked for, and how they ended here."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process
from ansible_collections.hotclub.django.plugins.module_utils.common.files import append_line, put

# Read by root alone: it tells of people.
FILE = Path("/var/lib/hotclub/verbs.jsonl")
# In bytes; beyond that, the lines of a run become one, and the oldest runs go.
LONGEST = 256 * 1024
RUNS_KEPT = 300
# Of why a run has failed, in characters.
REASON = 200
# They change nothing, so that nothing is to be told when they fail.
LOOKS = frozenset(
    {"look", "site_status", "site_logs", "postgresql_view", "postgresql_diagnosis", "release_state", "site_commands"}
)

# They take minutes, in which a host may die or be cut off.
LONG = frozenset(
    {"release_build", "release_migrate", "release_switch", "manage", "media_move", "postgresql_dump", "postgresql_restore"}
)


def begin(process: Process, run: Mapping[str, Any], begun: float, steps: Sequence[str]) -> bool:
    """Write down that a call begins with what takes long, in case that nobody is there when it ends; return whether it does.

    :param run: who, what and which run, as the controller says.
    :param begun: when the call began, in seconds since 1970.
    :param steps: names of the steps that are asked for.
    """
    long = [step for step in steps if step in LONG]
    if not long or not _is_kept(process):
        return False
    _try(process, {**run, "from": came_from(), "at": moment(begun), "until": moment(begun), "open": long})
    return True


def note(
    process: Process,
    run: Mapping[str, Any],
    begun: float,
    steps: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    is_open: bool = False,
) -> None:
    """Write down what a call of a run has changed, or where it has failed; nothing where it did neither.

    :param results: of those steps that were taken.
    :param is_open: whether its begin is written down.
    """
    taken = list(zip(steps, results, strict=False))
    changed = [step for step, result in taken if result.get("changed")]
    failed = [
        f"{step}: {reason(result)}"
        for step, result in taken
        if result.get("failed") and not result.get("refuses") and step not in LOOKS
    ]
    if _is_kept(process) and (changed or failed or is_open):
        told = {"from": came_from(), "at": moment(begun), "until": moment(time.time()), "steps": changed, "failed": failed}
        _try(process, {**run, **told})


def _is_kept(process: Process) -> bool:
    return not process.check_mode and os.geteuid() == 0


def _try(process: Process, entry: Mapping[str, Any]) -> None:
    """Write an entry; that it can't be written is a warning, since the run does its work all the same."""
    try:
        write({"steps": [], "failed": [], **entry})
    except OSError as error:
        process.warn(f"{os.uname().nodename} keeps no note of this run in {FILE}: {error}.")


def write(entry: Mapping[str, Any], file: Path = FILE, longest: int = LONGEST) -> None:
    """Add what a call has done, and make room where there is too much."""
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with open(file.with_suffix(".lock"), "a", opener=lambda path, flags: os.open(path, flags, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        append_line(file, json.dumps(entry, sort_keys=True, default=str))
        if file.stat().st_size > longest:
            put(file, newest(runs(lines(file)), longest // 2), 0o600)


def newest(entries: Sequence[Mapping[str, Any]], size: int) -> str:
    """Return the newest runs as lines that fit."""
    kept: list[str] = []
    for entry in list(reversed(entries))[:RUNS_KEPT]:
        line = json.dumps(entry, sort_keys=True) + "\n"
        size -= len(line)
        if size < 0 and kept:
            break
        kept.insert(0, line)
    return "".join(kept)


def lines(file: Path = FILE) -> list[str]:
    """Return what there is, one line for each call."""
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def runs(written: Iterable[str]) -> list[dict[str, Any]]:
    """Return a run for all lines of it, oldest first, without those that have changed nothing after all, and torn lines."""
    found: dict[str, dict[str, Any]] = {}
    for entry in filter(None, map(_entry, written)):
        before = found.get(entry["run"])
        if before is None:
            found[entry["run"]] = entry
            continue
        before["until"], before["open"] = entry["until"], entry.get("open", [])
        before["steps"] = list(dict.fromkeys([*before["steps"], *entry["steps"]]))
        before["failed"] = list(dict.fromkeys([*before["failed"], *entry["failed"]]))
    return [entry for entry in found.values() if entry["steps"] or entry["failed"] or entry.get("open")]


def of_site(site: str, number: int, file: Path = FILE) -> list[dict[str, Any]]:
    """Return the last runs for a site that have changed this host, oldest first."""
    return [entry for entry in runs(lines(file)) if entry.get("site") == site][-number:]


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    texts = ("run", "at", "until")
    whole = isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in texts)
    return entry if whole and all(isinstance(entry.get(name), list) for name in ("steps", "failed")) else None


def reason(result: Mapping[str, Any]) -> str:
    """Return the first line of why a step has failed."""
    said = str(result.get("msg", "")).strip().partition("\n")[0]
    return said if len(said) <= REASON else f"{said[:REASON]}..."


def came_from(process: int = 0, proc: Path = Path("/proc")) -> str:
    """Return by which account and from which address this process was started, as account@address.

    sudo passes on neither; the shell that sshd has started knows both. Empty on the controller itself.
    """
    here = process or os.getpid()
    while here > 1:
        try:
            told = (proc / str(here) / "environ").read_bytes().split(b"\0")
            above = int((proc / str(here) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return ""
        names = dict(entry.decode(errors="replace").partition("=")[::2] for entry in told)
        if names.get("SSH_CONNECTION"):
            return f"{names.get('USER', names.get('LOGNAME', ''))}@{names['SSH_CONNECTION'].split()[0]}"
        here = above
    return ""


def moment(seconds: float) -> str:
    """Return a time in UTC as people read it: 2026-11-23T08:15:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
