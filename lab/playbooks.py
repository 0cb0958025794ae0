"""Runs a playbook on lab hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.commands import run
from lab.errors import LabError
from lab.inventory import Lab
from lab.paths import LOGS, ROOT, tool

SHOW_SECONDS = 120
CALLBACK = "hotclub.django.progress"
# Leaves the screen to what the tasks themselves print.
QUIET_CALLBACK = "community.general.null"


def command(lab: Lab, playbook: str, variables: Mapping[str, Any]) -> list[str | Path]:
    """Return the command that a reader could type as well."""
    # Of a text with a space in it, name=value would be its first word alone.
    extra = ["--extra-vars", json.dumps(dict(variables))] if variables else []
    inventories = [word for inventory in lab.inventories for word in ("--inventory", inventory)]
    return [tool("ansible-playbook"), *inventories, f"playbooks/{playbook}.yml", *extra]


def play(lab: Lab, playbook: str, variables: Mapping[str, Any] | None = None) -> None:
    """Run a playbook with a line for each step, as our own plugin tells it; a log has the same lines with their times."""
    log = LOGS / f"{lab.name}-{playbook}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    told = {
        **environment(),
        "ANSIBLE_STDOUT_CALLBACK": CALLBACK,
        "ANSIBLE_LOG_PATH": str(log),
        "HOTCLUB_PROGRESS_HISTORY": str(LOGS / "progress.json"),
    }
    if sys.stdout.isatty():
        del told["ANSIBLE_NOCOLOR"]
    sys.stdout.flush()
    done = subprocess.run(
        [str(word) for word in command(lab, playbook, variables or {})], cwd=ROOT, env=told, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise LabError(f"playbooks/{playbook}.yml failed, as told above.", log=log)


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
