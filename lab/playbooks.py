"""Runs a playbook on lab hosts and shows each play on one line."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.commands import run, tail
from lab.errors import LabError
from lab.inventory import Lab
from lab.paths import LOGS, ROOT, tool
from lab.steps import Step

FAILURE_LINES = 60
SHOW_SECONDS = 120
# Leaves the screen to what the tasks themselves print.
QUIET_CALLBACK = "community.general.null"

_PLAY = re.compile(r"^PLAY \[(?P<name>.+?)\] \**$")
_FAILURE = re.compile(r"^fatal: \[(?P<host>.+?)\]: [A-Z]+! => ?\n(?P<result>(?:(?: .*)?\n)*)", re.MULTILINE)
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.+?)\] \**$")


def command(lab: Lab, playbook: str, variables: Mapping[str, Any]) -> list[str | Path]:
    """Return the command that a reader could type as well."""
    # Of a text with a space in it, name=value would be its first word alone.
    extra = ["--extra-vars", json.dumps(dict(variables))] if variables else []
    inventories = [word for inventory in lab.inventories for word in ("--inventory", inventory)]
    return [tool("ansible-playbook"), *inventories, f"playbooks/{playbook}.yml", *extra]


def play(lab: Lab, playbook: str, variables: Mapping[str, Any] | None = None) -> None:
    """Run a playbook with a line for each play; what it says goes to a log."""
    log = LOGS / f"{lab.name}-{playbook}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    line: Step | None = None
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [str(word) for word in command(lab, playbook, variables or {})],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for said in process.stdout:
            stream.write(said)
            if found := _PLAY.match(said.rstrip()):
                if line is not None:
                    line.end()
                line = Step(found["name"])
            elif line is not None and (found := _TASK.match(said.rstrip())):
                line.note(found["name"])
        failed = process.wait() != 0
    if line is not None:
        line.end("FAILED" if failed else "")
    if failed:
        said = log.read_text(encoding="utf-8", errors="replace")
        raise LabError(f"playbooks/{playbook}.yml failed.", detail=tail(failures(said), FAILURE_LINES), log=log)


def show(lab: Lab, playbook: str) -> int:
    """Run a playbook that prints something for a person, and print only that."""
    quiet = {**environment(), "ANSIBLE_STDOUT_CALLBACK": QUIET_CALLBACK}
    done = run(command(lab, playbook, {}), timeout=SHOW_SECONDS, check=False, environment=quiet)
    if done.returncode != 0 and not done.stdout.strip():
        # It failed before it had anything to print: once more, to see where.
        play(lab, playbook)
    sys.stdout.write(done.stdout)
    return done.returncode


def environment() -> dict[str, str]:
    """Return the environment in which playbooks run wherever the lab was called from."""
    return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}


def failures(output: str) -> str:
    """Return what failed on which host, as the tasks put it; the whole output when no task failed."""
    told: dict[str, str] = {}
    for block in _FAILURE.finditer(output):
        message = _message(block["result"])
        told.setdefault(message, f"{block['host']}: {message}")
    return "\n\n".join(told.values()) or output


def _message(result: str) -> str:
    """Return the message of a result that is printed as YAML; the whole result where that says more."""
    lines = textwrap.dedent(result).splitlines()
    if any(line.startswith("rc:") for line in lines):
        return "\n".join(lines)
    for number, line in enumerate(lines):
        if line.startswith("msg:"):
            below = itertools.takewhile(lambda text: not text or text.startswith(" "), lines[number + 1 :])
            more = textwrap.dedent("\n".join(below))
            first = line.removeprefix("msg:").strip()
            return more.strip() if first[:1] in ("|", ">") else f"{first} {more}".strip()
    return "\n".join(lines)
