"""A commit of a repository, read without its history and without a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.source import GitSource
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.repository import Repository, ssh_command
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source

from tests.projects.variants import build


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("repositories")
    return folder / "hashed.git", build("hashed", folder)


def staged(folder: Path, url: str, version: str) -> Source:
    (folder / "copy").mkdir()
    return Repository(GitSource(url, version), folder).stage(folder / "copy")


@pytest.mark.parametrize(("version", "tag"), [("HEAD", "v1"), ("main", "v1"), ("v2", "v2")])
def test_a_branch_or_a_tag_is_fetched_alone(commits: tuple[Path, dict[str, str]], tmp_path: Path, version: str, tag: str) -> None:
    repository, known = commits
    source = staged(tmp_path, f"file://{repository}", version)

    assert source.told == f"{version} is {known[tag][:12]}"
    assert ('"v2"' in (source.folder / "config" / "__init__.py").read_text()) == (tag == "v2")
    count = ["git", "-C", str(tmp_path / "git"), "rev-list", "--all", "--count", "FETCH_HEAD"]
    assert subprocess.run(count, capture_output=True, text=True, check=True).stdout.strip() == "1"


@pytest.mark.parametrize("length", [40, 10])
def test_a_commit_is_found_by_its_name(commits: tuple[Path, dict[str, str]], tmp_path: Path, length: int) -> None:
    repository, known = commits
    source = staged(tmp_path, f"file://{repository}", known["v2"][:length])

    assert '"v2"' in (source.folder / "config" / "__init__.py").read_text()


def test_a_version_that_is_not_there_is_named_with_those_that_are(commits: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    with pytest.raises(Trouble) as found:
        staged(tmp_path, f"file://{commits[0]}", "v22")

    assert "has no branch, tag or commit 'v22'" in str(found.value)
    assert "v2" in found.value.remedy


def test_a_repository_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="can't be fetched") as found:
        staged(tmp_path, f"file://{tmp_path}/none.git", "HEAD")

    assert "this machine reaches it" in found.value.remedy


def test_links_and_submodules_are_what_they_are(tmp_path: Path) -> None:
    work = tmp_path / "work"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(work)]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(work)], check=True)
    (work / "requirements").mkdir()
    (work / "requirements" / "all.txt").write_text("Django\n")
    (work / "requirements.txt").symlink_to("requirements/all.txt")
    (work / "passwd.txt").symlink_to("/etc/passwd")
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},theme"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=First"], check=True)
    (tmp_path / "look").mkdir()
    source = staged(tmp_path / "look", f"file://{work}", "main")

    assert (source.folder / "requirements.txt").read_text() == "Django\n"
    assert not (source.folder / "passwd.txt").is_symlink()
    assert sorted(source.left_out) == [
        "passwd.txt is a link that leads out of the source",
        "theme is a submodule, which inspect does not fetch",
    ]


def test_the_deploy_key_is_on_the_disk_for_its_owner_alone(tmp_path: Path) -> None:
    command = ssh_command(
        GitSource("git@git.example.org:shop.git", "main", "KEY", ["git.example.org ssh-ed25519 AAAA"]), tmp_path
    )

    assert (tmp_path / "deploy_key").stat().st_mode & 0o777 == 0o600
    assert "StrictHostKeyChecking=yes" in command and "KEY" not in command
    assert (tmp_path / "known_hosts").read_text() == "git.example.org ssh-ed25519 AAAA\n"
