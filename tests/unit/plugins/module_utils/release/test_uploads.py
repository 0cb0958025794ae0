"""Uploaded files travel in parts, and what arrives takes the place of the live folder at once."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import uploads
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads import Uploads, pack
from ansible_collections.hotclub.django.plugins.plugin_utils.files import export


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    for number in range(5):
        (folder / f"day {number}").mkdir(parents=True)
        for name in ("a.txt", "b" * 150, "ü.bin"):
            (folder / f"day {number}" / name).write_bytes(f"{number} {name}".encode() * 300)
    (folder / "day").write_text("a file whose name is the beginning of folders'")
    (folder / "empty").mkdir()
    return folder


def content(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def archive_of(folder: Path, target: Path, scratch: Path) -> int:
    after, parts = "", 0
    while True:
        part = pack(folder, after, scratch)
        export.append(target, scratch, part.length)
        parts, after = parts + 1, part.next
        if not after:
            export.close(target)
            return parts


@pytest.mark.parametrize("most", [1, 3000, 10**9])
def test_all_arrives_whatever_the_size_of_a_part(media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", most)
    archive, scratch = tmp_path / "uploads.tar", tmp_path / "scratch"
    parts = archive_of(media, archive, scratch)
    assert (parts > 20) == (most == 1) and (parts == 1) == (most == 10**9)
    assert export.is_archive(archive)
    with tarfile.open(archive) as opened:
        assert len(opened.getnames()) == len(content(media))

    there = Uploads(tmp_path / "target" / "media")
    there.folder.mkdir(parents=True)
    cuts = list(export.parts_of(archive, most))
    assert (len(cuts) > 20) == (most == 1) and (len(cuts) == 1) == (most == 10**9)
    for number, (begin, end) in enumerate(cuts):
        export.cut(archive, begin, end, scratch)
        there.unpack(scratch, first=number == 0)
    assert there.loading.stat().st_mode & 0o777 == 0o700, "seen before it is live"
    assert there.exchange()
    assert content(there.folder) == content(media)


def test_an_empty_folder_makes_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    archive = tmp_path / "uploads.tar"
    assert archive_of(tmp_path / "media", archive, tmp_path / "scratch") == 1
    assert list(export.parts_of(archive)) == []
    assert export.is_archive(archive)


def test_links_are_left_out(media: Path, tmp_path: Path) -> None:
    (media / "day 0" / "link").symlink_to("/etc/hostname")
    (media / "away").symlink_to("/etc")
    part = pack(media, "", tmp_path / "scratch")
    assert part.left_out == 2 and part.files == 16
    with tarfile.open(tmp_path / "scratch") as opened:
        assert not [name for name in opened.getnames() if "link" in name or "away" in name]


def test_an_archive_that_reaches_outside_is_refused(tmp_path: Path) -> None:
    there = Uploads(tmp_path / "media")
    there.folder.mkdir()
    for name in ("/etc/evil", "a/../../evil"):
        with tarfile.open(tmp_path / "evil.tar", "w") as opened:
            opened.addfile(tarfile.TarInfo(name), io.BytesIO())
        with pytest.raises(Trouble, match="outside of the folder"):
            there.unpack(tmp_path / "evil.tar", first=True)
    assert not (tmp_path / "evil").exists()


def test_a_link_of_an_archive_leads_nowhere(tmp_path: Path) -> None:
    there = Uploads(tmp_path / "media")
    there.folder.mkdir()
    link, through = tarfile.TarInfo("door"), tarfile.TarInfo("door/evil")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    with tarfile.open(tmp_path / "evil.tar", "w") as opened:
        opened.addfile(link)
        opened.addfile(through, io.BytesIO())
    assert there.unpack(tmp_path / "evil.tar", first=True).left_out == 1
    assert not (tmp_path / "evil").exists()


def test_an_exchange_keeps_the_former_files_and_can_be_taken_back(tmp_path: Path) -> None:
    there = Uploads(tmp_path / "media")
    for folder in (there.folder, there.loading, there.before):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    there.folder.chmod(0o2750)
    assert there.exchange()
    assert (there.folder / "name").read_text() == "media-loading" and (there.before / "name").read_text() == "media"
    assert there.folder.stat().st_mode & 0o7777 == 0o2750
    assert there.put_back()
    assert (there.folder / "name").read_text() == "media" and there.loading.stat().st_mode & 0o777 == 0o700
    assert there.drop() and not there.drop()
    assert not there.exchange()


def test_files_are_sent_only_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Uploads(tmp_path / "media")
    there.folder.mkdir()
    monkeypatch.setattr(uploads, "KEPT_FREE_BYTES", 10**18)
    with tarfile.open(tmp_path / "some.tar", "w"):
        pass
    with pytest.raises(Trouble, match="Make room"):
        there.unpack(tmp_path / "some.tar", first=True)
    assert not there.loading.exists()


def test_only_a_folder_on_its_own_file_system_stays(tmp_path: Path) -> None:
    assert "There is no folder" in Uploads(tmp_path / "media").obstacle()
    assert "file system of its own" in Uploads(Path("/proc")).obstacle()
    assert Uploads(tmp_path).obstacle() == ""
    assert not Uploads(tmp_path).is_filled()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").touch()
    assert Uploads(tmp_path).is_filled()


def test_files_are_read_with_the_rights_of_the_folders_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, object]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("setgroups", "setegid", "seteuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: became.append((name, value)))
    with uploads.as_owner_of(tmp_path):
        assert became[-1] == ("seteuid", tmp_path.stat().st_uid)
    assert became[3] == ("seteuid", 0)
