"""Static files of all releases that are kept are served, and a host is sent only what it lacks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import contents, static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

from tests.unit.plugins.module_utils.releases import NEW, OLD, add

NEWER = "20260104T000000-ddddddd"


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_static_files_of_older_releases_stay_until_they_are_pruned(site: Site) -> None:
    add(site, OLD, static={"style.aaa.css": "old", "logo.svg": "same"})
    add(site, NEW, static={"style.bbb.css": "new", "logo.svg": "same"})
    assert static_files.publish(site, OLD)
    written = (site.static / "logo.svg").stat().st_ino
    assert static_files.publish(site, NEW)
    assert names_in(site.static) == ["logo.svg", "style.aaa.css", "style.bbb.css"]
    assert (site.static / "logo.svg").stat().st_ino == written
    assert not static_files.publish(site, NEW)
    assert static_files.prune(site, [NEW])
    assert names_in(site.static) == ["logo.svg", "style.bbb.css"]


def described(site: Site, release: str) -> str:
    return (site.release(release) / "RELEASE.json").read_text()


def inode(path: Path) -> int:
    return path.stat().st_ino


def sealed(site: Site, release: str, static: dict[str, str]) -> list[contents.Entry]:
    add(site, release, static=static)
    # It is finished only after it was sealed.
    mark = site.release(release) / "RELEASE.json"
    text = mark.read_text()
    mark.unlink()
    static_files.seal(site, release)
    mark.write_text(text)
    return list(contents.read_list(site.release(release) / static_files.LIST))


def test_a_file_that_several_releases_have_is_on_the_disk_once_and_is_not_read_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(site, OLD, {"style.css": "old", "logo.svg": "same", "copy.svg": "same"})
    static_files.publish(site, OLD)
    written = (site.static / "logo.svg").stat()
    entries = sealed(site, NEW, {"style.css": "new", "logo.svg": "same", "moved.svg": "same"})
    assert {entry.name: entry.mtime == written.st_mtime_ns for entry in entries}["logo.svg"]
    shared = {inode(site.release(release) / "static" / name) for release, name in ((OLD, "logo.svg"), (NEW, "moved.svg"))}
    assert shared == {written.st_ino}

    def read(first: Path, second: Path, shallow: bool) -> bool:
        assert first.name == "style.css", f"{first} was read again"
        return False

    monkeypatch.setattr("filecmp.cmp", read)
    assert static_files.publish(site, NEW)
    assert static_files.is_published(site, NEW)
    assert (site.static / "style.css").read_text() == "new"


def test_a_file_that_somebody_has_edited_is_no_file_of_its_release(site: Site) -> None:
    sealed(site, OLD, {"logo.svg": "same", "kept.svg": "kept"})
    (site.release(OLD) / "static" / "logo.svg").write_text("edit")
    known = static_files.known_files(site)
    assert [path.name for path in known.values()] == ["kept.svg"]


def test_files_of_releases_from_before_there_were_lists_are_united_with_what_is_served(site: Site) -> None:
    add(site, OLD, static={"logo.svg": "same"})
    static_files.publish(site, OLD)
    served = inode(site.static / "logo.svg")
    sealed(site, NEW, {"logo.svg": "same"})
    assert inode(site.release(NEW) / "static" / "logo.svg") == served
    assert not static_files.publish(site, NEW)


def test_a_folder_on_another_mount_gets_copies(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    sealed(site, OLD, {"logo.svg": "same"})
    monkeypatch.setattr(os, "link", refuse)
    assert static_files.publish(site, OLD)
    assert inode(site.static / "logo.svg") != inode(site.release(OLD) / "static" / "logo.svg")
    assert not static_files.publish(site, OLD)
    assert names_in(site.static) == ["logo.svg"]


class Balancer:
    """A balancer to which the static files of releases are brought, and how much of each it was sent."""

    def __init__(self, folder: Path) -> None:
        self.site = Site.at("shop", str(folder))
        self.incoming = contents.Incoming(self.site.releases / ".incoming")

    def bring(self, source: Site, release: str, entries: list[contents.Entry]) -> list[str]:
        pack = source.root / "pack"
        lacking = [entries[place] for place in static_files.lacking(self.site, entries, self.incoming)]
        contents.pack(source.release(release) / "static", lacking, pack)
        self.incoming.take(pack, lacking)
        static_files.assemble(self.site, release, described(source, release), entries, self.incoming)
        static_files.publish(self.site, release)
        return [entry.name for entry in lacking]


def test_a_balancer_is_sent_only_what_no_release_there_has(site: Site, tmp_path: Path) -> None:
    balancer = Balancer(tmp_path / "balancer")
    files = {"style.1.css": "one", "logo.svg": "same", "copy.svg": "same", "empty": ""}
    assert len(balancer.bring(site, OLD, sealed(site, OLD, files))) == 4
    assert {name: (balancer.site.static / name).read_text() for name in names_in(balancer.site.static)} == files
    assert balancer.site.describe(OLD) == {"id": OLD}
    times = {name: (balancer.site.static / name).stat().st_mtime_ns for name in files}
    assert times == {name: (site.release(OLD) / "static" / name).stat().st_mtime_ns for name in files}
    kept = inode(balancer.site.static / "logo.svg")
    changed = sealed(site, NEW, {**files, "style.2.css": "two"})
    assert balancer.bring(site, NEW, changed) == ["style.2.css"]
    assert inode(balancer.site.static / "logo.svg") == kept
    assert balancer.bring(site, NEWER, sealed(site, NEWER, files)) == []


def test_a_balancer_keeps_what_it_has_under_the_time_that_it_had(site: Site, tmp_path: Path) -> None:
    balancer = Balancer(tmp_path / "balancer")
    balancer.bring(site, OLD, sealed(site, OLD, {"logo.svg": "same"}))
    before = (balancer.site.static / "logo.svg").stat().st_mtime_ns
    # Another host has built the next one, and knows nothing of this one's times.
    other = Site.at("shop", str(tmp_path / "other"))
    assert balancer.bring(other, NEW, sealed(other, NEW, {"logo.svg": "same"})) == []
    assert (balancer.site.static / "logo.svg").stat().st_mtime_ns == before
    assert balancer.bring(other, NEWER, sealed(other, NEWER, {"logo.svg": "same"})) == []


def test_a_transfer_that_was_interrupted_goes_on_and_nothing_is_served_before_it_is_whole(site: Site, tmp_path: Path) -> None:
    balancer = Balancer(tmp_path / "balancer")
    entries = sealed(site, OLD, {"a.css": "a", "b.css": "b"})
    contents.pack(site.release(OLD) / "static", entries[:1], tmp_path / "pack")
    balancer.incoming.take(tmp_path / "pack", entries[:1])
    assert static_files.lacking(balancer.site, entries, balancer.incoming) == [1]
    with pytest.raises(FileNotFoundError):
        static_files.assemble(balancer.site, OLD, described(site, OLD), entries, balancer.incoming)
    assert balancer.site.built() == []
    assert names_in(balancer.site.static) == []
    assert balancer.bring(site, OLD, entries) == ["b.css"]
    assert names_in(balancer.site.static) == ["a.css", "b.css"]


def test_a_list_that_leads_out_of_its_folder_is_refused(site: Site, tmp_path: Path) -> None:
    balancer = Balancer(tmp_path / "balancer")
    entries = [entry._replace(name="../../../x.css") for entry in sealed(site, OLD, {"a.css": "a"})]
    contents.pack(site.release(OLD) / "static", sealed_again(entries), tmp_path / "pack")
    balancer.incoming.take(tmp_path / "pack", entries)
    with pytest.raises(Trouble, match="outside of its folder"):
        static_files.assemble(balancer.site, OLD, described(site, OLD), entries, balancer.incoming)


def sealed_again(entries: list[contents.Entry]) -> list[contents.Entry]:
    return [entry._replace(name="a.css") for entry in entries]
