# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a release's migrations, once for the whole fleet."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import LOCKED, SITE, carry_out, run_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.migrations import looked_through
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import Toolchain, Virtualenvs

texts = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    "release": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["applied", "planned"], "default": "applied"},
    "pending": texts,
    "policy": {"type": "str", "choices": ["tell", "ask", "refuse"], "default": "tell"},
    "confirmed": texts,
    "ignored": texts,
    "linter": {"type": "str", "default": ""},
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "uv": {"type": "path", "default": "/opt/uv/bin/uv"},
    "environment": {"type": "dict", "default": {}},
    "lock_timeout_seconds": {"type": "int", "default": 10},
    "lock_attempts": {"type": "int", "default": 5},
    "lock_pause_seconds": {"type": "int", "default": 2},
    "commands": texts,
}
READ_ONLY = {"PGOPTIONS": "-c default_transaction_read_only=on"}
INSTALLATION_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 60
# How long a migration may have been at work, as often as it may wait for a lock, and loading the project besides: the running
# site would have to wait as long again.
AT_WORK, LOADING_SECONDS = 3, 60
LOCKED_OUT = "lock timeout"


def take(module: Call) -> None:
    """Run the module."""
    # The address of a package index may hold a password.
    carry_out(module, plan if module.params["state"] == "planned" else migrate, arguments_shown=False)


def plan(module: Call) -> dict[str, Any]:
    """Say what in the pending migrations would hurt a site that serves; nothing is changed in the database."""
    site, wanted = site_of(module), module.params
    if module.check_mode:
        return {"changed": False, "findings": [], "remarks": []}
    with site.step(wait_seconds=300, run=run_of(module)):
        interpreter = Interpreter(site, wanted["release"])
        try:
            answer = interpreter.ask("plan", READ_ONLY)
        except Trouble as trouble:
            answer = {"failed": {"type": "Project", "text": str(trouble)}}
        if failure := answer.get("failed"):
            told = " ".join(redact(f"{failure['type']}: {failure['text']}", interpreter.hidden).split())
            return {"changed": False, "findings": [], "remarks": [f"the migrations were not looked through: {told}"]}
        environment = {**wanted["environment"], "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        tools = Toolchain(wanted["uv"], wanted["python"], environment, {}, seconds=INSTALLATION_SECONDS)
        virtualenvs = Virtualenvs(site, tools, secrets({**wanted["environment"], **interpreter.environment}))
        return {"changed": False, **looked_through(site, virtualenvs, answer, wanted["linter"], wanted["ignored"])}


def migrate(module: Call) -> dict[str, Any]:
    """Apply what is pending.

    :raises Trouble: a migration failed; says which ones the database has now.
    """
    site, release = site_of(module), module.params["release"]
    if module.check_mode:
        return {"changed": False, "applied": []}
    began = time.monotonic()
    with site.step(wait_seconds=300, run=run_of(module)):
        interpreter = Interpreter(site, release)
        answer, attempts = applied(interpreter, module.params)
        if "failed" not in answer:
            printed = [interpreter.manage(command) for command in module.params["commands"]]
            if answer.get("fresh"):
                interpreter.refuse_errors(errors_of(interpreter.ask("check")))
            return {
                "changed": bool(answer["applied"] or printed),
                "applied": answer["applied"],
                "attempts": attempts,
                "seconds": round(time.monotonic() - began, 1),
                "printed": printed,
                "warnings": waited(attempts),
            }
    failure = answer["failed"]
    detail = redact(f"{failure['type']}: {failure['text']} ({failure['place'].rpartition('/src/')[2]})", interpreter.hidden)
    left = answer.get("left", [])
    failing = f"The migration {left[0]} failed." if left else "The migrations could not be carried out to their end."
    if answer.get("applied"):
        without = f", and not {left[0]}" if left else ""
        state = f"The database has {', '.join(answer['applied'])}, applied before the failure{without}."
    else:
        state = "The database is as it was before."
    remedy = "Correct the migration, push, and deploy again."
    if LOCKED_OUT in failure["text"]:
        remedy = locked_out(module.params["lock_timeout_seconds"], attempts, whole=answer.get("whole", True))
    raise Trouble(f"{failing} {state} The release that served before still serves.", remedy, detail)


def errors_of(answer: dict[str, Any]) -> list[str]:
    """Return what checks found, or how they failed."""
    failure = answer.get("failed")
    return [f"{failure['type']}: {failure['text']}"] if failure else list(answer["errors"])


def applied(interpreter: Interpreter, wanted: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Apply what is pending, and try again after a pause, each longer than the last, while the running site holds a lock.

    :returns: the last answer of the release, with all that was applied, and how often it was tried.
    """
    limit, pause = wanted["lock_timeout_seconds"], wanted["lock_pause_seconds"]
    options = {"PGOPTIONS": f"-c lock_timeout={limit * 1000}"} if limit else {}
    before: list[str] = []
    most = max(1, wanted["lock_attempts"])
    for attempt in range(1, most + 1):
        began = time.monotonic()
        answer = interpreter.ask("migrate", options)
        is_long = not answer.get("applied") and time.monotonic() - began > AT_WORK * limit + LOADING_SECONDS
        before += answer.get("applied", [])
        is_locked_out = "failed" in answer and LOCKED_OUT in answer["failed"]["text"]
        # What is not undone as a whole would meet its own traces.
        if not is_locked_out or is_long or not answer.get("whole", True) or attempt == most:
            break
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return {**answer, "applied": before}, attempt


def waited(attempts: int) -> list[str]:
    """Return what is worth knowing of migrations that came through only after a while."""
    if attempts == 1:
        return []
    return [f"The migrations were applied at the attempt number {attempts}, since the running site held a lock before."]


def locked_out(limit: int, attempts: int, whole: bool) -> str:
    """Return what to do when the running site holds a lock for too long."""
    tried = f"It waited {limit} s{f', {attempts} times,' if attempts > 1 else ''} for a lock that the running site holds"
    once = "" if whole else " (a migration with atomic = False is tried once: see what it has left behind)"
    return (
        f"{tried}{once}: deploy at a quieter time, split the migration, or raise "
        "site_migration_lock_attempts or site_migration_lock_timeout_seconds."
    )
