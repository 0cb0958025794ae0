"""The operator: runs playbooks, reads what they print, and sometimes pulls the plug."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.behaviour.kit.lab import ROOT, TOOLS
from tests.behaviour.kit.pace import at_pace

PLAYBOOK_SECONDS = 900
RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+ .*)$", re.MULTILINE)
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.+)\]")
SHOWN_LINES = 60


@dataclasses.dataclass(frozen=True)
class TaskRun:
    name: str
    seconds: float


@dataclasses.dataclass(frozen=True, repr=False)
class Run:
    """What one playbook did."""

    command: Sequence[str]
    code: int
    output: str
    seconds: float
    tasks: Sequence[TaskRun] = ()

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        return {
            match["host"]: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", match["counts"])}
            for match in RECAP.finditer(self.output)
        }

    @property
    def changed(self) -> int:
        return sum(counts["changed"] for counts in self.recap.values())

    @property
    def message(self) -> str:
        """The output as an operator reads it: escaped line breaks are line breaks, quotes are quotes."""
        return self.output.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")

    def says(self, *words: str) -> bool:
        """Whether the output holds all of the words, however its lines are broken."""
        text = " ".join(self.message.split()).lower()
        return all(" ".join(word.split()).lower() in text for word in words)

    def must_succeed(self) -> Run:
        assert self.code == 0 and self.recap, str(self)
        return self

    def must_fail(self) -> Run:
        assert self.code != 0, f"this run was meant to fail:\n{self}"
        return self

    def __repr__(self) -> str:
        """What a failed assertion about this run shows."""
        shown = "\n".join(self.message.splitlines()[-SHOWN_LINES:])
        return f"{' '.join(self.command)}\nended with {self.code} after {self.seconds:.1f} s:\n{shown}"


class Playbook:
    """A playbook under way."""

    def __init__(
        self,
        inventories: Sequence[str | Path],
        name: str,
        variables: Mapping[str, Any],
        options: Sequence[str] = (),
        checkout: Path = ROOT,
    ) -> None:
        self.command = [
            str(TOOLS / "ansible-playbook"),
            *(f"--inventory={path}" for path in inventories),
            *options,
            *([f"--extra-vars={json.dumps(variables)}"] if variables else []),
            f"playbooks/{name}.yml",
        ]
        self._began = time.monotonic()
        self._lines: list[tuple[float, str]] = []
        self._arrival = threading.Condition()
        # A group of its own, so that everything the controller started can be killed with it.
        self._process = subprocess.Popen(
            self.command,
            cwd=checkout,
            env=environment(checkout),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def process(self) -> int:
        """The number of the controller's first process, which has started all others."""
        return self._process.pid

    def wait(self) -> Run:
        try:
            code = self._process.wait(at_pace(PLAYBOOK_SECONDS))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {at_pace(PLAYBOOK_SECONDS):.0f} s: {self._run(-1)}") from None
        # What inherits the pipe may outlive the controller: an SSH connection kept for the next run.
        self._reader.join(2)
        return self._run(code)

    def wait_for(self, pattern: str, seconds: float = 300) -> None:
        """Return as soon as a line of the output matches."""
        wanted, seen, deadline = re.compile(pattern), 0, time.monotonic() + at_pace(seconds)
        while True:
            with self._arrival:
                lines = self._lines[seen:]
                if not lines:
                    assert self.running and time.monotonic() < deadline, f"no line matched {pattern!r}:\n{self._run(-1)}"
                    self._arrival.wait(0.1)
                    continue
                seen += len(lines)
            if any(wanted.search(line) for _, line in lines):
                return

    def kill(self, whole_group: bool = True) -> Run:
        """End the controller without a chance to tidy up, alone or with all its processes."""
        if whole_group:
            os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        self._reader.join(2)
        return self._run(self._process.returncode)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._arrival:
                self._lines.append((time.monotonic(), line))
                self._arrival.notify_all()

    def _run(self, code: int) -> Run:
        with self._arrival:
            lines = list(self._lines)
        end = time.monotonic()
        return Run(self.command, code, "".join(line for _, line in lines), end - self._began, tasks_in(lines, end))


def tasks_in(lines: Sequence[tuple[float, str]], end: float) -> list[TaskRun]:
    """The tasks with the seconds that each took, from lines and the moments at which they came."""
    begins = [(moment, match["name"]) for moment, line in lines if (match := TASK.match(line))]
    ends = [*(moment for moment, _ in begins[1:]), end]
    return [TaskRun(name, done - begin) for (begin, name), done in zip(begins, ends, strict=False)]


def environment(checkout: Path = ROOT) -> dict[str, str]:
    """Ours, without what would change how a playbook runs or prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(checkout / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "PYTHONUNBUFFERED": "1",
    }
