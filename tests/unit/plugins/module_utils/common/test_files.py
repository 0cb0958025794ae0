"""Files that change in one step: nobody sees half of one, and after a power cut there is the old one or the new one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.files import write_atomically


def permissions(path: Path) -> int:
    """Return the mode of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_gets_its_content_and_its_permissions(tmp_path: Path) -> None:
    files.put(tmp_path / "settings", "first", 0o640)
    files.put(tmp_path / "settings", b"second", 0o600)
    assert (tmp_path / "settings").read_text() == "second"
    assert permissions(tmp_path / "settings") == 0o600


def test_a_file_is_readable_by_nobody_else_before_it_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda descriptor, *_owner: seen.append((os.fstat(descriptor).st_mode & 0o777, len(seen))))
    files.put(tmp_path / "key", "secret", 0o644, (0, 0))
    assert seen == [(0o600, 0)]


def test_file_and_folder_are_on_disk_before_it_is_said_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(source: str, target: str) -> None:
        done.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    files.put(tmp_path / "settings", "x")
    assert done == ["file", "replace", "folder"]
    done.clear()
    files.put_link(tmp_path / "current", "releases/1")
    assert done == ["replace", "folder"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings").write_text("old")

    def no_room(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        files.put(tmp_path / "settings", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("settings", "old")]


def test_a_link_takes_the_place_of_a_file_or_another_link(tmp_path: Path) -> None:
    (tmp_path / "current").write_text("a file")
    assert files.link_atomically(tmp_path / "current", "releases/1")
    assert not files.link_atomically(tmp_path / "current", "releases/1")
    assert files.link_atomically(tmp_path / "current", "releases/2")
    assert (tmp_path / "current").readlink() == Path("releases/2")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("newest", "kept", "left"), [("4", 2, {"3", "4"}), ("1", 2, {"1", "4"}), ("4", 9, {"1", "2", "3", "4"}), ("4", 1, {"4"})]
)
def test_the_oldest_versions_go_and_the_one_in_use_stays(tmp_path: Path, newest: str, kept: int, left: set[str]) -> None:
    for name in "1234":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    files.prune(tmp_path, newest, kept)
    assert {entry.name for entry in tmp_path.iterdir()} == left


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_written_only_when_it_changes(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "x", "1")
    assert not write_atomically(tmp_path / "x", "1")
    assert write_atomically(tmp_path / "x", "2")
    assert names_in(tmp_path) == ["x"]
