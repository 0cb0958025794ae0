"""The controller's side of a deployment: who holds the lock, what is sent, what is reported."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.action.barrier import ended_well
from ansible_collections.hotclub.django.plugins.filter.gunicorn_workers import gunicorn_workers
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet import operator
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import is_dead, machine, run_of, whoami
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import refusal


def holder(pid: int) -> dict[str, object]:
    host = socket.gethostname()
    named = {"user": "ada", "since": "noon", "what": "deploy v2"}
    return {"host": host, "machine": machine(), "pid": pid, "run": run_of(host, pid), **named}


def test_a_lock_is_dead_when_its_process_is() -> None:
    assert not is_dead(holder(os.getpid()))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = holder(child.pid)
    assert not is_dead(held)
    child.kill()
    child.wait()
    assert is_dead(held)


def test_nothing_is_assumed_of_processes_elsewhere() -> None:
    assert not is_dead({**holder(os.getpid()), "host": "elsewhere", "machine": "another", "run": "elsewhere:1:1"})


def test_a_machine_of_the_same_name_is_another_one() -> None:
    host = socket.gethostname()
    assert not is_dead({**holder(os.getpid()), "machine": "another", "run": f"{host}:another:1:1"})
    # As an older version has written it, which knew machines by their names alone.
    assert not is_dead({"host": host, "pid": 1, "run": f"{host}:1:1"})


def test_process_numbers_of_another_container_and_another_boot_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine()
    for place in ("_process_space", "_first_line"):
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(operator, place, lambda *_: "another")
            machine.cache_clear()
            assert machine() != here
    machine.cache_clear()
    assert machine() == here


def test_an_account_without_a_name_runs_playbooks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert whoami()["user"] == f"uid {os.getuid()}"
    assert operator.account().startswith("uid ")


def test_a_new_process_with_the_same_number_is_not_the_holder() -> None:
    host = socket.gethostname()
    assert is_dead({**holder(os.getpid()), "run": f"{host}:{machine()}:{os.getpid()}:1"})


def _tell_who_runs_once_the_run_has_ended(answer: str) -> None:
    """End, and have a child write down what it knows of the run: it has another parent by then, as after a kill."""
    here = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == here:
        time.sleep(0.01)
    try:
        told = str(whoami())
    except AnsibleError as error:
        told = str(error)
    Path(answer).write_text(told)


def test_a_task_that_outlives_its_run_takes_no_lock_for_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answer = tmp_path / "answer"
    child = context.Process(target=_tell_who_runs_once_the_run_has_ended, args=(str(answer),))
    child.start()
    child.join()
    for _ in range(500):
        if answer.exists() and answer.read_text():
            break
        time.sleep(0.01)
    assert f"The run of this playbook has ended (process {os.getpid()})" in answer.read_text()


def test_whoever_meets_the_lock_learns_who_when_and_what() -> None:
    message = refusal(holder(1), "shop")
    for part in ("ada", "noon", "deploy v2", "site_deploy_lock_seconds=0"):
        assert part in message
    assert "and 3600 seconds at least" in refusal({**holder(1), "silent_seconds": 3600}, "shop")


def test_a_step_that_never_ran_did_not_end_well() -> None:
    assert ended_well({"changed": True})
    assert ended_well({"skipped": True})
    assert not ended_well({"failed": True})
    assert not ended_well({"unreachable": True})
    assert not ended_well(None)


def test_workers_follow_cores_and_memory() -> None:
    assert gunicorn_workers(1, 4096, 40, 200) == 2
    assert gunicorn_workers(8, 16384, 80, 200) == 8
    assert gunicorn_workers(4, 256, 40, 200) == 1


@pytest.mark.parametrize("memory_mb", [1024, 2048, 3072, 16384])
def test_an_old_and_a_new_instance_fit_into_their_share_of_the_memory(memory_mb: int) -> None:
    assert 1 <= gunicorn_workers(64, memory_mb, 70, 200) <= memory_mb * 70 / 100 / (2 * 200)
