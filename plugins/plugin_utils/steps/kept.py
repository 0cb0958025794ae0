# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The code that a host has kept of an earlier call: its key, how it is started, and what came of it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.kept import FOLDER, NOT_KEPT, START
from ansible_collections.hotclub.django.plugins.plugin_utils.core import version

PLUGINS = Path(__file__).parents[2]


@functools.lru_cache(maxsize=1)
def code() -> bytes:
    """Return a digest of all that Ansible would send: its own utilities, by its version, and ours."""
    digest = hashlib.sha256(version.encode())
    for path in (PLUGINS / "modules" / "payload.py", *sorted((PLUGINS / "module_utils").rglob("*.py"))):
        digest.update(f"\n{path.relative_to(PLUGINS)}\n".encode())
        digest.update(path.read_bytes())
    return digest.digest()


def key_for(interpreter: str) -> str:
    """Return by which name a host keeps the code.

    :param interpreter: what the inventory says of the host's Python; another one begins anew, with Ansible's own messages.
    """
    return hashlib.sha256(code() + interpreter.encode()).hexdigest()[:20]


def command(key: str, environment: str) -> str:
    """Return the shell command that starts kept code, or ends with NOT_KEPT.

    :param environment: assignments of the task's environment, as a shell takes them before a command.
    """
    start = FOLDER / key / START
    return f"if test -r {start}; then {environment} /bin/sh {start}; else exit {NOT_KEPT}; fi"


def call(payload: str, check_mode: bool, diff: bool) -> bytes:
    """Return what kept code reads from its standard input."""
    return f'{{"check_mode": {json.dumps(check_mode)}, "diff": {json.dumps(diff)}, "payload": {payload}}}'.encode()


def answer_of(ended: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer of kept code; nothing where the host had none, and has done nothing.

    :param ended: exit code and output, as Ansible's connections return them.
    """
    printed = str(ended.get("stdout", ""))
    # A shell may print something of its own before.
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    if ended.get("rc") == NOT_KEPT and not lines:
        return None
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {
            "failed": True,
            "msg": f"The steps ended with code {ended.get('rc')} and without a result. What they have done is not known.",
            "module_stdout": printed,
            "module_stderr": str(ended.get("stderr", "")),
            "rc": ended.get("rc"),
        }
    return {name: value for name, value in answer.items() if value or name != "warnings"}
