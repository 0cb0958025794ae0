"""A folder of the controller: its files are listed once in a run, packed once, and sent only where they are lacking."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import contents
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import Incoming
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.source import SentSource
from ansible_collections.hotclub.django.plugins.plugin_utils.files import folders
from ansible_collections.hotclub.django.plugins.plugin_utils.files.folders import Listed, files_of

FIRST, SECOND = "20260101T000000-aaaaaaa", "20260102T000000-bbbbbbb"


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop").mkdir(parents=True)
    (folder / "manage.py").write_text("manage")
    (folder / "manage.py").chmod(0o755)
    (folder / "shop" / "models.py").write_text("models")
    (folder / "shop" / "same.py").symlink_to("models.py")
    return folder


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site.at("shop", str(tmp_path / "site"))
    site.releases.mkdir(parents=True)
    return site


def run_of(folder: Path, number: int) -> Listed:
    """The folder as another run sees it."""
    of_run = folder.parent / f"run-{number}"
    of_run.mkdir(exist_ok=True)
    return Listed(folder, of_run)


def send(listed: Listed, site: Site, release: str) -> list[str]:
    """Bring the files to a host as a build does, and return the names of those that were sent."""
    incoming = Incoming(site.incoming)
    incoming.take_in(listed.list, listed.sha256, "")
    sent = []
    for part in SentSource(site, listed.sha256).lacking():
        incoming.take_in(listed.pack(part), listed.sha256, part)
        sent += [entry.name for entry in contents.part_of(list(contents.read_list(listed.list)), part)]
    source = SentSource(site, listed.sha256)
    site.release(release).mkdir()
    source.lay_out(site.release(release) / "src")
    (site.release(release) / "RELEASE.json").write_text("{}")
    source.clear()
    return sent


def test_a_release_depends_on_names_contents_and_executable_bits_alone(folder: Path) -> None:
    first = run_of(folder, 1)
    os.utime(folder / "manage.py", (1, 1))
    (folder / ".venv").mkdir()
    (folder / ".venv" / "big").write_text("x")
    assert run_of(folder, 2).commit == first.commit
    (folder / "manage.py").chmod(0o644)
    assert run_of(folder, 3).commit != first.commit


def test_a_folder_in_git_is_sent_as_git_sees_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("secret.txt\n")
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "new.py").write_text("x")
    assert files_of(tmp_path) == [".gitignore", "new.py"]


def test_a_folder_that_git_ignores_is_sent_whole(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("dist/\n")
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "manage.py").write_text("x")
    assert files_of(tmp_path / "dist") == ["manage.py"]


def test_processes_of_one_run_list_and_pack_a_folder_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def write(path: Path, entries: object) -> None:
        made.append(path)
        contents.write_list(path, list(entries))  # type: ignore[call-overload]

    monkeypatch.setattr(folders, "write_list", write)
    found: list[Listed] = []
    workers = [threading.Thread(target=lambda: found.append(run_of(folder, 1))) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 1
    assert len({listed.commit for listed in found}) == 1
    (folder / "manage.py").write_text("another")
    assert run_of(folder, 1).commit == found[0].commit, "the hosts of one run get different releases"
    assert len({str(listed.pack("1")) for listed in found}) == 1


def test_a_host_is_sent_only_what_its_newest_release_lacks(folder: Path, site: Site) -> None:
    assert send(run_of(folder, 1), site, FIRST) == ["manage.py", "shop/models.py"]
    assert (site.release(FIRST) / "src" / "manage.py").stat().st_mode & 0o111
    assert (site.release(FIRST) / "src" / "shop" / "same.py").read_text() == "models"
    assert list(site.incoming.iterdir()) == []
    # What a build has changed in the release counts as lacking.
    (site.release(FIRST) / "src" / "shop" / "models.py").write_text("MODELS")
    (folder / "new.py").write_text("new")
    assert send(run_of(folder, 2), site, SECOND) == ["new.py", "shop/models.py"]
    assert (site.release(SECOND) / "src" / "shop" / "models.py").read_text() == "models"
    # Never the same file: a build that changes it must not change the release that serves.
    before, after = (site.release(release) / "src" / "manage.py" for release in (FIRST, SECOND))
    assert not before.samefile(after)


def test_a_file_that_changes_while_it_is_sent_is_refused(folder: Path, site: Site) -> None:
    listed = run_of(folder, 1)
    (folder / "manage.py").write_text("MANAGE")
    with pytest.raises(Trouble, match="changed since it was listed"):
        send(listed, site, FIRST)
    assert site.built() == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "../.."])
def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, site: Site, target: str) -> None:
    (folder / "shop" / "link").symlink_to(target)
    with pytest.raises(Trouble, match="shop/link, which points outside"):
        send(run_of(folder, 1), site, FIRST)
    assert not (site.release(FIRST) / "src").exists()
