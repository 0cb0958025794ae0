"""What telling a run costs: a run that changes nothing, told by our plugin and by ansible-core's own."""

from __future__ import annotations

import re
import subprocess

from bench import hosts
from bench.measure import Comparison, Spent, by_turns, compared, spent
from tests.behaviour.kit.operator import environment

OURS, THEIRS = "hotclub.django.progress", "ansible.builtin.default"
# As either of them sums up the host.
UNCHANGED = re.compile(r"\b(?:changed=0|0 changed)\b")


def unchanged(rounds: int) -> list[Comparison]:
    """A run that finds everything as it should be, on the same host; what it prints goes through a pipe."""
    command = hosts.playbook_command("site")
    hosts.play("site")

    def run(callback: str) -> Spent:
        return spent(lambda: _unchanged(command, callback))

    found = by_turns(rounds, {"ours": lambda _: run(OURS), "theirs": lambda _: run(THEIRS)})
    return compared(
        "run that changes nothing, one server, told by hotclub.django.progress", found["ours"], found["theirs"], THEIRS
    )


def _unchanged(command: list[str], callback: str) -> None:
    told = {**environment(), "ANSIBLE_STDOUT_CALLBACK": callback}
    done = subprocess.run(command, cwd=hosts.ROOT, env=told, capture_output=True, text=True, check=False)
    if done.returncode or not UNCHANGED.search(done.stdout):
        raise SystemExit(f"This run was to change nothing:\n{done.stdout}{done.stderr}")
