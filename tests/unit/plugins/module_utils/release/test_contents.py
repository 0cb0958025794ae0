"""Lists and packs: what a host lacks comes in parts, is proved by its hash, and is kept until it is used."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import contents
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import Entry, Incoming

HOSTILE = "a\nb\udcff"


def listed(folder: Path, files: Mapping[str, str]) -> list[Entry]:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [Entry(name, len(text), 0, contents.digest(folder / name)) for name, text in files.items()]


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def sized(*sizes: int) -> list[Entry]:
    return [Entry(str(number), size, 0, f"{number:064x}") for number, size in enumerate(sizes)]


def test_a_list_comes_back_as_it_was_written_and_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    entries = [*listed(tmp_path / "files", {HOSTILE: "x", "empty": ""}), Entry("link", 0, 0, "", link="empty")]
    for name in ("one", "two"):
        contents.write_list(tmp_path / name, entries)
    assert list(contents.read_list(tmp_path / "one")) == entries
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_parts_hold_what_fits_in_a_pack_and_a_larger_file_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "PACK_BYTES", 10)
    monkeypatch.setattr(contents, "PACK_FILES", 3)
    entries = sized(5, 5, 1, 99, 1, 1, 1, 1, 0)
    assert contents.parts_of(entries, range(9)) == ["0-1", "2", "3", "4-6", "7-8"]
    assert contents.parts_of(entries, [0, 2, 4, 5]) == ["0,2,4", "5"]
    assert contents.parts_of(entries, []) == []
    # One that has taken in the first part has the others still.
    assert contents.parts_of(entries, range(2, 9)) == contents.parts_of(entries, range(9))[1:]


def test_a_part_names_its_files() -> None:
    entries = sized(*range(9))
    assert [entry.name for entry in contents.part_of(entries, "0-2,5,7-8")] == ["0", "1", "2", "5", "7", "8"]


def test_what_was_packed_arrives_once_for_each_content(tmp_path: Path) -> None:
    entries = listed(tmp_path / "files", {"a": "same", "b": "same", HOSTILE: "other", "empty": ""})
    contents.pack(tmp_path / "files", entries, tmp_path / "pack")
    incoming = Incoming(tmp_path / "incoming")
    assert not any(incoming.has(entry) for entry in entries)
    incoming.take(tmp_path / "pack", entries)
    assert all(incoming.has(entry) for entry in entries)
    assert sorted(names_in(incoming.folder)) == sorted({entry.sha256 for entry in entries})
    assert incoming.path(entries[0]).read_text() == "same"


def test_a_file_that_is_not_what_its_hash_says_is_refused_and_those_before_it_stay(tmp_path: Path) -> None:
    entries = listed(tmp_path / "files", {"a": "good", "b": "good too"})
    (tmp_path / "files" / "b").write_text("bad dead")
    contents.pack(tmp_path / "files", entries, tmp_path / "pack")
    incoming = Incoming(tmp_path / "incoming")
    with pytest.raises(Trouble, match="changed since it was listed"):
        incoming.take(tmp_path / "pack", entries)
    assert [incoming.has(entry) for entry in entries] == [True, False]
    assert len(names_in(incoming.folder)) == 1


def test_a_pack_that_breaks_off_or_holds_something_else_is_refused(tmp_path: Path) -> None:
    entries = listed(tmp_path / "files", {"a": "a" * 20_000, "b": "b" * 20_000})
    contents.pack(tmp_path / "files", entries, tmp_path / "pack")
    whole = (tmp_path / "pack").read_bytes()
    (tmp_path / "torn").write_bytes(whole[:30_000])
    incoming = Incoming(tmp_path / "incoming")
    with pytest.raises(Trouble):
        incoming.take(tmp_path / "torn", entries)
    assert [incoming.has(entry) for entry in entries] == [True, False]
    with tarfile.open(tmp_path / "other", "w") as archive:
        archive.add(tmp_path / "files" / "b", "../outside")
    with pytest.raises(Trouble, match="lacks 1"):
        incoming.take(tmp_path / "other", entries[1:])
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("now", ["short", "", None])
def test_a_file_that_has_shrunk_or_gone_is_not_packed(tmp_path: Path, now: str | None) -> None:
    entries = listed(tmp_path / "files", {"a": "as it was listed"})
    (tmp_path / "files" / "a").unlink()
    if now is not None:
        (tmp_path / "files" / "a").write_text(now)
    with pytest.raises(Trouble, match="a can't be packed"):
        contents.pack(tmp_path / "files", entries, tmp_path / "pack")


def test_a_link_that_has_taken_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    entries = listed(tmp_path / "files", {"a": "x"})
    (tmp_path / "files" / "a").unlink()
    (tmp_path / "files" / "a").symlink_to("/etc/passwd")
    with pytest.raises(Trouble, match="a can't be packed"):
        contents.pack(tmp_path / "files", entries, tmp_path / "pack")


def test_a_list_that_was_damaged_on_its_way_is_refused(tmp_path: Path) -> None:
    contents.write_list(tmp_path / "list", sized(1, 2))
    incoming = Incoming(tmp_path / "incoming")
    with pytest.raises(Trouble, match="damaged"):
        incoming.keep_list(tmp_path / "list", "0" * 64)
    with pytest.raises(Trouble, match="used up"):
        incoming.entries(contents.digest(tmp_path / "list"))
    incoming.keep_list(tmp_path / "list", contents.digest(tmp_path / "list"))
    assert incoming.entries(contents.digest(tmp_path / "list")) == sized(1, 2)
    assert len(names_in(incoming.folder)) == 1


def test_what_was_used_goes_and_what_waits_goes_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, waits = listed(tmp_path / "files", {"a": "used", "b": "waits"})
    contents.pack(tmp_path / "files", [used, waits], tmp_path / "pack")
    incoming = Incoming(tmp_path / "incoming")
    incoming.clear("nothing there yet")
    incoming.take(tmp_path / "pack", [used, waits])
    incoming.clear(used.sha256)
    assert [incoming.has(entry) for entry in (used, waits)] == [False, True]
    later = time.time() + 2 * contents.DAY_SECONDS
    monkeypatch.setattr("time.time", lambda: later)
    incoming.clear()
    assert not incoming.has(waits)


@pytest.mark.parametrize(
    ("name", "inside"), [("a/b", True), ("a/../b", True), ("..a", True), ("..", False), ("a/../../b", False), ("/etc", False)]
)
def test_a_path_stays_in_its_folder(name: str, inside: bool) -> None:
    assert contents.lies_within(name) is inside
