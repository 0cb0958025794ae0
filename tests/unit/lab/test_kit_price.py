"""What the behaviour tests count of a run's calls, and that nothing is lost on the way to ssh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.behaviour.kit import counted_ssh
from tests.behaviour.kit.price import Price, prices

WORDS = ["-C", "-o", "ControlPersist=300s", "10.0.0.2", "/bin/sh -c '/usr/bin/python3 && sleep 0'"]
ARCHIVE = "UEsDBBQ="


def module(name: str = "steps", archive: str = ARCHIVE) -> bytes:
    """As much of a module as is looked at, with an argument that looks like an archive."""
    lines = [f"ansible_module='{name}',", 'params=\'{"zip_data": "\\nzip_data=no"}\',', f"zip_data='{archive}',"]
    return "\n".join(["def _ansiballz_main(", "    zip_data: str,", "):", *lines, ")"]).encode()


def test_a_module_is_told_from_other_commands() -> None:
    found = counted_ssh.record(WORDS, module())
    assert found is not None
    assert (found["host"], found["module"], found["bytes"]) == ("10.0.0.2", "steps", len(module()) + len(WORDS[-1]))
    assert found["payload"] != ""
    plain = counted_ssh.record(WORDS, b"some text")
    assert plain is not None
    assert (plain["module"], plain["payload"]) == ("", "")


def test_the_state_of_a_connection_is_no_call() -> None:
    assert counted_ssh.record(["-O", "check", "10.0.0.2"], b"") is None


def test_a_payload_is_counted_once_however_often_it_is_sent() -> None:
    sent = [module(), module(), module("ping", "UEsDBBR="), b"text"]
    records = [found for given in sent if (found := counted_ssh.record(WORDS, given))]
    recap = {"web1": {"ok": 7, "changed": 2, "unreachable": 0, "failed": 0, "skipped": 3, "rescued": 0, "ignored": 1}}
    assert prices(records, {**recap, "web2": {"ok": 1}}, {"web1": "web1", "10.0.0.2": "web1"}) == {
        "web1": Price(4, 3, ("ping", "steps"), sum(len(given) + len(WORDS[-1]) for given in sent), 10),
        "web2": Price(task_entries=1),
    }


def test_a_ceiling_is_exceeded_by_what_is_above_it_alone() -> None:
    price = Price(4, 3, ("ping", "steps"), 1000, 10)
    assert price.above(price) == []
    assert price.above(Price(4, 2, ("steps",), 1000, 11)) == [
        "module_calls: 3 instead of 2 at most",
        "payloads: 2 instead of 1 at most",
    ]


def test_ssh_gets_all_that_it_was_to_get(tmp_path: Path) -> None:
    programs, records = tmp_path / "programs", tmp_path / "calls.jsonl"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat\nexit 3\n', encoding="utf-8")
    ssh.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-SI", counted_ssh.__file__, records, *WORDS],
        input=module(),
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout == "".join(f"{word}\n" for word in WORDS).encode() + module()
    assert json.loads(records.read_text(encoding="utf-8")) == counted_ssh.record(WORDS, module())
