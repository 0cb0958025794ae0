"""How a run is told: what somebody reads in a terminal, a pipeline in its log, and a program line by line."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
SECONDS = 120
HOSTS = "[all]\nalpha\nbeta\n[all:vars]\nansible_connection=local\nansible_python_interpreter={python}\n"
SECRET = "kept-to-ourselves"
TASKS = """
- name: Change the first things
  hosts: all
  gather_facts: false
  tasks:
    - name: Run something that changes
      ansible.builtin.raw: "true"
      changed_when: true
    - name: Decide something
      ansible.builtin.set_fact: {decided: 1}
    - name: Leave this out
      ansible.builtin.raw: "true"
      when: false
    - name: Write with a difference
      ansible.builtin.copy: {content: "new line\\n", dest: "{{ playbook_dir }}/difference"}
      run_once: true
    - name: Write a secret
      ansible.builtin.copy: {content: "kept-to-ourselves\\n", dest: "{{ playbook_dir }}/secret"}
      no_log: true
      run_once: true
    - name: Print for a person
      hotclub.django.show: {text: a table}
      run_once: true
"""
FAILURE = """
- name: Come to grief
  hosts: all
  gather_facts: false
  tasks:
    - name: Try what is undone
      block:
        - name: Build it
          ansible.builtin.fail: {msg: "There is no branch nonsense. Name one of main, v1."}
      rescue:
        - name: Stop
          ansible.builtin.fail: {msg: "It was undone. There is no branch nonsense. Name one of main, v1."}
"""
RESCUE = """
- name: Come back
  hosts: alpha
  gather_facts: false
  tasks:
    - name: Try what is repaired
      block:
        - name: Break it
          ansible.builtin.fail: {msg: "This was repaired."}
      rescue:
        - name: Repair it
          ansible.builtin.raw: "true"
          changed_when: false
"""
HIDDEN = """
- name: Fail with a secret
  hosts: alpha
  gather_facts: false
  tasks:
    - name: Use the secret
      ansible.builtin.fail: {msg: kept-to-ourselves}
      no_log: true
"""
LONG = """
- name: Take long
  hosts: all
  gather_facts: false
  tasks:
    - name: Begin
      ansible.builtin.raw: "true"
      changed_when: false
    - name: Build for a while
      ansible.builtin.raw: sleep {{ 3 if inventory_hostname == 'beta' else 0 }}
      changed_when: false
    - name: Print for a person
      hotclub.django.show: {text: a table}
      run_once: true
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run plays on this machine as two hosts, and return what is read through a pipe."""
    (tmp_path / "hosts.ini").write_text(HOSTS.format(python=sys.executable), encoding="utf-8")

    def call(plays: str, *words: str, terminal: bool = False, **extra: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "play.yml").write_text(plays, encoding="utf-8")
        command = [str(PLAYBOOK), "--inventory", str(tmp_path / "hosts.ini"), *words, str(tmp_path / "play.yml")]
        given = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "HOTCLUB_"))}
        given |= {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "hotclub.django.progress",
            "HOTCLUB_PROGRESS_HISTORY": str(tmp_path / "history"),
            "TERM": "xterm",
            **extra,
        }
        if terminal:
            return in_terminal(command, given)
        return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=SECONDS, check=False)

    return call


def in_terminal(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a terminal, and return all that it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said, deadline = b"", time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            more = os.read(ours, 65536)
        except OSError:
            # Nobody has the other end any more.
            break
        said += more
    os.close(ours)
    return subprocess.CompletedProcess(command, process.wait(SECONDS), said.decode(), "")


def screen(said: str) -> str:
    """What a terminal shows in the end of what was written to it, without colours."""
    lines = []
    for line in re.sub(r"\x1b\[[\d;]*m", "", said).replace("\r\n", "\n").split("\n"):
        lines.append(line.rsplit("\r\x1b[K", 1)[-1])
    return "\n".join(lines)


def lines_of(text: str, word: str) -> list[str]:
    return [line for line in text.splitlines() if word in line]


def test_each_step_is_a_line_and_what_only_decides_is_none(run: Run) -> None:
    done = run(TASKS)
    assert done.returncode == 0, done
    (changed,) = lines_of(done.stdout, "Run something that changes")
    assert re.search(r"alpha, beta +changed +\d+\.\d s$", changed)
    (alone,) = lines_of(done.stdout, "Write with a difference")
    assert re.search(r" alpha +changed ", alone)
    assert lines_of(done.stdout, "a table") == ["a table"]
    for unseen in ("Decide something", "Leave this out", "\x1b", "\r", "PLAY", "TASK"):
        assert unseen not in done.stdout
    assert re.search(r"^alpha +5 ok, 3 changed, 1 skipped$", done.stdout, re.MULTILINE)
    assert re.search(r"^Done in \d+\.\d s\.$", done.stdout.splitlines()[-1])


def test_what_is_left_is_told_from_the_run_before(run: Run, tmp_path: Path) -> None:
    first, second = run(LONG), run(LONG)
    assert " left" not in first.stdout
    assert "Build for a while" not in (tmp_path / "history").read_text(encoding="utf-8")
    (begin,) = lines_of(second.stdout, "  Begin ")
    assert re.search(r"about [3-9] s left$", begin), second.stdout


def test_a_history_that_can_not_be_written_does_no_harm(run: Run) -> None:
    assert run(RESCUE, HOTCLUB_PROGRESS_HISTORY="/proc/nowhere/history").returncode == 0


def test_what_failed_is_told_last_and_once_for_all_its_hosts(run: Run) -> None:
    done = run(FAILURE)
    assert done.returncode == 2
    assert done.stdout.rstrip().endswith(
        "FAILED: Build it, on alpha, beta\n  It was undone. There is no branch nonsense. Name one of main, v1."
    )
    assert len(lines_of(done.stdout, "no branch nonsense")) == 1
    assert re.search(r"^  Build it +alpha, beta +FAILED ", done.stdout, re.MULTILINE)
    assert "There is no branch" not in done.stderr


def test_what_was_rescued_is_no_failure(run: Run) -> None:
    done = run(RESCUE)
    assert done.returncode == 0
    assert "This was repaired" not in done.stdout
    assert "1 rescued" in done.stdout


@pytest.mark.parametrize("words", [(), ("-vv", "--diff")])
def test_a_secret_is_never_told(run: Run, words: tuple[str, ...]) -> None:
    done = run(TASKS + HIDDEN, *words)
    assert SECRET not in done.stdout + done.stderr
    assert "hidden, since it may hold a secret" in done.stdout


def test_a_check_tells_what_would_change_and_how(run: Run, tmp_path: Path) -> None:
    done = run(TASKS, "--check", "--diff")
    assert done.returncode == 0
    assert re.search(r"Write with a difference +alpha +would change ", done.stdout)
    assert "      +new line" in done.stdout
    assert "Checked, and nothing was changed" in done.stdout
    assert not (tmp_path / "difference").exists()


def test_more_is_told_when_it_is_asked_for(run: Run) -> None:
    done = run(TASKS, "-v")
    assert "Decide something" in done.stdout and "decided: 1" in done.stdout


def test_a_terminal_shows_what_goes_on_and_keeps_only_what_is_done(run: Run) -> None:
    run(LONG)
    done = run(LONG, terminal=True)
    assert done.returncode == 0, done.stdout
    assert re.search(
        r"\r\x1b\[K  Build for a while  \d+ s of about \d+ s  about \d+ s left  1 of 2 hosts, waits for ", done.stdout
    )
    seen = screen(done.stdout)
    assert len(lines_of(seen, "Build for a while")) == 1
    assert lines_of(seen, "a table") == ["a table"]
    assert "waits for" not in seen


def test_a_failure_in_a_terminal_is_last_as_well(run: Run) -> None:
    seen = screen(run(FAILURE, terminal=True).stdout).rstrip()
    assert seen.endswith("Name one of main, v1.")


def test_programs_get_an_object_in_each_line(run: Run) -> None:
    done = run(TASKS + FAILURE, HOTCLUB_PROGRESS_FORMAT="json")
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    steps = {one["step"]: one["hosts"] for one in told if one["event"] == "step"}
    assert steps["Run something that changes"] == {"alpha": "changed", "beta": "changed"}
    assert steps["Stop"] == {"alpha": "failed", "beta": "failed"}
    assert [one["text"] for one in told if one["event"] == "text"] == ["a table"]
    (failure,) = [one for one in told if one["event"] == "failure"]
    assert failure["hosts"] == ["alpha", "beta"] and failure["step"] == "Build it"
    assert told[-1]["event"] == "end" and told[-1]["failed"] is True
    assert SECRET not in done.stdout


def test_a_run_that_reaches_nobody_says_so(run: Run) -> None:
    assert "no host of the inventory is meant" in run(RESCUE.replace("alpha", "nobody")).stdout
