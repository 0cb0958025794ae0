"""Uploads are gone through in order and in parts: however many there are, and wherever it broke off."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.roles.django.test_site_settings import loaded

NAMES = ["a.png", "a/1.png", "a/2.png", "a/b/deep.png", "a0.png", "b.png", "c d/\udcff%.png"]


class Storage:
    """A bucket, as Django sees one."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.saved: list[str] = []
        self.broken: set[str] = set()

    def path(self, _: str) -> str:
        raise NotImplementedError

    def exists(self, name: str) -> bool:
        if name in self.broken:
            raise ConnectionError("the store is gone")
        return name in self.files

    def size(self, name: str) -> int:
        return len(self.files[name])

    def delete(self, name: str) -> None:
        del self.files[name]

    def save(self, name: str, file: Any) -> str:
        self.saved.append(name)
        self.files[name] = file.content.read()
        return name


@pytest.fixture(name="storage")
def _storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    storage = Storage()
    modules = {name: ModuleType(name) for name in ("django", "django.core", "django.core.files", "django.core.files.storage")}
    vars(modules["django"])["setup"] = lambda: None
    vars(modules["django.core.files"])["File"] = lambda content, name: SimpleNamespace(content=content, name=name)
    vars(modules["django.core.files.storage"])["default_storage"] = storage
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return storage


@pytest.fixture(name="media")
def _media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name.encode(errors="replace").decode())
    (folder / "link.png").symlink_to("a.png")
    (folder / "linked").symlink_to("a")
    (folder / "empty").mkdir()
    return folder


@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_names_come_in_order_whatever_part_of_a_folder_is_in_memory(
    media: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    move_media = loaded("move_media")
    monkeypatch.setattr(move_media, "NAMES", at_once)
    found = list(move_media.files_in(media))
    assert sorted(found) == sorted(NAMES)
    for position, name in enumerate(found):
        assert list(move_media.files_in(media, name)) == found[position + 1 :], f"after {name}"


def test_a_move_in_parts_takes_each_file_once(media: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    move_media = loaded("move_media")
    monkeypatch.setattr(move_media, "FILES", 2)
    parts = [move_media.main(media, "copy", "", 0)]
    while after := parts[-1]["next"]:
        assert after.isascii()
        parts.append(move_media.main(media, "copy", after, 0))
    assert len(parts) == 5
    assert sorted(storage.saved) == sorted(NAMES)
    assert sum(part["copied"] for part in parts) == len(NAMES)
    again = move_media.main(media, "copy", "", 60)
    assert (again["files"], again["copied"], again["next"]) == (len(NAMES), 0, "")


def test_what_was_interrupted_is_done_and_what_is_there_is_left_alone(media: Path, storage: Storage) -> None:
    move_media = loaded("move_media")
    storage.files = {"a.png": b"a.png", "a/1.png": b"half"}
    done = move_media.main(media, "copy", "", 60)
    assert done["copied"] == len(NAMES) - 1
    assert "a.png" not in storage.saved
    assert storage.files["a/1.png"] == b"a/1.png"


def test_a_file_that_fails_keeps_no_other_and_few_failures_are_told(
    media: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_media = loaded("move_media")
    monkeypatch.setattr(move_media, "FAILURES_TOLD", 2)
    storage.broken = {"a/1.png", "b.png", NAMES[-1]}
    done = move_media.main(media, "copy", "", 60)
    assert done["unmoved"] == 3
    assert done["failed"] == ["a/1.png: ConnectionError: the store is gone", "b.png: ConnectionError: the store is gone"]
    assert sorted(storage.saved) == sorted(set(NAMES) - storage.broken)


def test_files_go_from_the_folder_while_it_is_gone_through(
    media: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_media = loaded("move_media")
    monkeypatch.setattr(move_media, "NAMES", 2)
    move_media.main(media, "copy", "", 60)
    del storage.files["b.png"]
    assert move_media.main(media, "remove", "", 60)["removed"] == len(NAMES) - 1
    assert list(move_media.files_in(media)) == ["b.png"]
