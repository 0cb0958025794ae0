"""What comes from a repository or from another host is never run: addresses, names of branches, and answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import source
from ansible_collections.hotclub.django.plugins.module_utils.release.builder import Builder
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.source import Git, GitSource

Asked = Callable[[str, str], Git]


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site.at("shop", str(tmp_path / "site"))
    for folder in (site.releases, site.environment_file.parent):
        folder.mkdir(parents=True)
    site.environment_file.write_text("")
    return site


@pytest.fixture(name="asked")
def _asked(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return a function that makes the mirror of a source, as the role alone would, without a check of the inventory."""

    def run(command: list[str], *, user: str, environment: Mapping[str, str] | None = None, **more: Any) -> processes.Outcome:
        return processes.run(command, environment={**(environment or {}), "GIT_CONFIG_GLOBAL": "/dev/null"}, **more)

    monkeypatch.setattr(source, "run", run)
    monkeypatch.setattr(source, "_give", lambda *_: None)
    return lambda url, version: Git(site, GitSource(url, version), {}, tmp_path)


@pytest.fixture(name="repository")
def _repository(tmp_path: Path) -> str:
    """A repository with one commit, and branches and tags of names that a shell or a template would act upon."""
    folder = tmp_path / "work"
    told = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for words in (
        ["init", "--quiet", "--initial-branch=main", str(folder)],
        ["-C", str(folder), "commit", "--quiet", "--allow-empty", "-m", "$(touch ran)"],
        *(["-C", str(folder), "tag", name] for name in HOSTILE_NAMES),
    ):
        subprocess.run(["git", *words], check=True, env={**os.environ, **told, "GIT_CONFIG_GLOBAL": "/dev/null"})
    return f"file://{folder}"


HOSTILE_NAMES = ["$(touch${IFS}ran)", "`touch${IFS}ran`", "v1;touch${IFS}ran", "{{7-7}}", "v1|touch", "v1&touch", "%s%n"]


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% ran", "--upload-pack=touch ran", "-utouch ran", "ssh://-oProxyCommand=touch/x"]
)
def test_an_address_runs_nothing(asked: Asked, site: Site, url: str) -> None:
    with pytest.raises(Trouble, match="can't be fetched"):
        asked(url, "main").fetch()
    assert not list(site.root.rglob("ran"))


@pytest.mark.parametrize("version", HOSTILE_NAMES)
def test_a_strange_name_is_a_name(asked: Asked, site: Site, repository: str, version: str) -> None:
    git = asked(repository, version)
    git.fetch()
    commit = git.resolve()
    git.verify(commit)
    git.checkout(commit, site.root / "src")
    assert not list(site.root.rglob("ran"))


@pytest.mark.parametrize("version", ["--output=ran", "-h", "v1^{/x}", "main@{1}", "a\nb", "../../etc/passwd", "v1..main"])
def test_what_is_no_name_is_refused(asked: Asked, site: Site, repository: str, version: str) -> None:
    git = asked(repository, version)
    git.fetch()
    with pytest.raises(Trouble, match="has no branch, tag or commit"):
        git.resolve()
    assert not list(site.root.rglob("ran"))


@pytest.mark.parametrize(
    ("stamp", "commit"),
    [
        ("20260101T000000", "--upload-pack=x"),
        ("20260101T000000", "HEAD"),
        ("20260101T000000", "abcdef0\n"),
        ("../../../etc", "abcdef0"),
        ("20260101T000000/../x", "abcdef0"),
        ("\u0662\u0660260101T000000", "abcdef0"),
    ],
)
def test_a_host_that_was_taken_over_cannot_have_others_build_elsewhere(site: Site, stamp: str, commit: str) -> None:
    """The id and the commit of a release that others have come from their answers."""
    builder = Builder(site, {"environment": {}, "stamp": stamp, "rebuild": True})
    with pytest.raises(Trouble, match="can't be a release"):
        builder._begin(commit)
    assert list(site.releases.iterdir()) == []


def test_a_server_that_never_answers_holds_nobody_for_ever(asked: Asked, site: Site, tmp_path: Path) -> None:
    del asked
    site.repository.mkdir()
    git = Git(site, GitSource("https://git.example.org/shop", "main", seconds=0.3), {}, tmp_path)
    with pytest.raises(
        Trouble, match=r"(?s)git did not end within 0 s\..*reaches https://git\.example\.org/shop.*site_source_timeout"
    ):
        git.run("-c", "alias.wait=!sleep 20", "wait")
