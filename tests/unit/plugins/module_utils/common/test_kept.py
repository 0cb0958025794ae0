"""The code of steps that a host keeps from one call to the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import kept

OURS = Path(kept.__file__).parents[1]
THEIRS = Path(ansible.module_utils.__file__).parent
COLLECTION = "ansible_collections/hotclub/django/plugins/module_utils"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Ansible sends a host."""
    path = tmp_path_factory.mktemp("archive") / "payload.zip"
    with zipfile.ZipFile(path, "w") as content:
        for source, within in ((OURS, COLLECTION), (THEIRS, "ansible/module_utils")):
            for file in source.rglob("*.py"):
                content.write(file, f"{within}/{file.relative_to(source)}")
            parts = within.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                content.writestr("/".join([*parts[:depth], "__init__.py"]), "")
    return path


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def called(start: Path, **more: Any) -> dict[str, Any]:
    call = {"check_mode": False, "diff": False, "payload": {"comparing": False, "steps": [{"step": "dance", "arguments": {}}]}}
    ended = subprocess.run(
        ["/bin/sh", str(start)], input=json.dumps(call | more), capture_output=True, text=True, check=True, cwd="/"
    )
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


@pytest.mark.usefixtures("as_root")
def test_kept_code_takes_steps_and_finds_its_bytecode_the_next_time(tmp_path: Path, archive: Path) -> None:
    kept.keep("abc", tmp_path / "code", archive)

    start = tmp_path / "code" / "abc" / kept.START
    for _ in range(2):
        answer = called(start)
        assert answer["results"] == [{"failed": True, "msg": "There is no step 'dance' in this collection."}]
    assert list((start.parent / COLLECTION / "common" / "__pycache__").glob("call.*.pyc"))


@pytest.mark.usefixtures("as_root")
def test_nobody_else_reads_what_is_kept(tmp_path: Path, archive: Path) -> None:
    kept.keep("abc", tmp_path / "code", archive)

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "code", tmp_path / "code" / "abc")} == {0o700}


@pytest.mark.usefixtures("as_root")
def test_what_nobody_has_used_for_a_day_goes(tmp_path: Path, archive: Path) -> None:
    for name in ("older", ".new-interrupted", "newer"):
        (tmp_path / name).mkdir()
        if name != "newer":
            os.utime(tmp_path / name, (0, 0))
    kept.keep("abc", tmp_path, archive)

    assert {path.name for path in tmp_path.iterdir()} == {"abc", "newer"}


@pytest.mark.usefixtures("as_root")
def test_code_of_a_python_that_is_gone_is_none_and_is_replaced(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/usr/bin/python0")
    kept.keep("abc", tmp_path, archive)
    start = tmp_path / "abc" / kept.START
    assert subprocess.run(["/bin/sh", str(start)], check=False).returncode == kept.NOT_KEPT

    monkeypatch.setattr(sys, "executable", python)
    kept.keep("abc", tmp_path, archive)
    assert called(start)["results"]


@pytest.mark.usefixtures("as_root")
def test_code_that_cannot_be_read_is_none_and_goes(tmp_path: Path, archive: Path) -> None:
    kept.keep("abc", tmp_path, archive)
    (tmp_path / "abc" / COLLECTION / "common" / "batch.py").unlink()

    start = tmp_path / "abc" / kept.START
    assert subprocess.run(["/bin/sh", str(start)], check=False).returncode == kept.NOT_KEPT
    assert not start.exists()


@pytest.mark.usefixtures("as_root")
def test_a_second_call_that_keeps_the_same_leaves_no_remains(tmp_path: Path, archive: Path) -> None:
    for _ in range(2):
        kept.keep("abc", tmp_path, archive)

    assert [path.name for path in tmp_path.iterdir()] == ["abc"]


@pytest.mark.usefixtures("as_root")
def test_a_host_without_room_goes_on(tmp_path: Path) -> None:
    (tmp_path / "torn.zip").write_bytes(b"PK")
    kept.keep("abc", tmp_path / "code", tmp_path / "torn.zip")

    assert list((tmp_path / "code").iterdir()) == []


def test_an_account_without_roots_rights_keeps_nothing(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    kept.keep("abc", tmp_path / "code", archive)

    assert not (tmp_path / "code").exists()
