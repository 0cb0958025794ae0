"""Private submodules, each opened by a key of its own: real git, and a server that looks at nothing but the key."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import source
from ansible_collections.hotclub.django.plugins.module_utils.release.deploy_keys import address_for
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.source import GitSource, mirrored

# Lets in who comes with the key that is written beside the repository, whichever account and host it is asked as.
SERVER = """#!/bin/sh
echo "$@" >> {log}
key=none
while [ $# -gt 1 ]; do
  [ "$1" = -i ] && key=$(cat "$2") && stat -c %a "$2" >> {log}
  shift
done
path={folder}/$(echo "$1" | sed "s/^git-upload-pack '\\/*//; s/'$//")
[ "$key" = "$(cat "$path/opened-by")" ] || {{ echo "git@git.example.org: Permission denied (publickey)." >&2; exit 255; }}
exec git upload-pack "$path"
"""
FORGE = "git@git.example.org"


class Forge:
    """Repositories behind one name, and what their server saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "ssh").write_text(SERVER.format(folder=folder, log=self.log))
        (programs / "ssh").chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **{f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], check=True, env={**os.environ, **self.environment}, capture_output=True, text=True)
        return done.stdout.strip()

    def repository(self, name: str, opened_by: str, submodules: Mapping[str, str] | None = None) -> str:
        """Make a repository with a file of its name, and return its commit."""
        folder = self.folder / name
        self.git("init", "--quiet", "--initial-branch=main", str(folder))
        (folder / "name.txt").write_text(name)
        modules = ""
        for path, (url, commit) in {path: each.split(" ") for path, each in (submodules or {}).items()}.items():
            modules += f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'
            self.git("-C", str(folder), "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        if modules:
            (folder / ".gitmodules").write_text(modules)
            self.git("-C", str(folder), "add", ".gitmodules")
        self.git("-C", str(folder), "add", "name.txt")
        self.git("-C", str(folder), "commit", "--quiet", "-m", name)
        (folder / "opened-by").write_text(opened_by)
        return self.git("-C", str(folder), "rev-parse", "HEAD")


@pytest.fixture(name="forge")
def _forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    """A project with two private submodules, of which one has another one."""
    forge = Forge(tmp_path / "forge")
    deep = forge.repository("deep", "key of deep")
    widgets = forge.repository("you/widgets", "key of widgets", {"inner": f"{FORGE}:deep {deep}"})
    common = forge.repository("partner/common", "key of partner")
    same = forge.repository("you/same", "key of shop")
    forge.repository(
        "shop",
        "key of shop",
        {
            "libs/widgets": f"{FORGE}:you/widgets {widgets}",
            "libs/our common": f"ssh://{FORGE}/partner/common {common}",
            "same": f"../you/same {same}",
        },
    )

    def run(command: list[str], *, user: str, environment: Mapping[str, str] | None = None, **more: Any) -> processes.Outcome:
        return processes.run(command, environment={**(environment or {}), **forge.environment}, **more)

    monkeypatch.setattr(source, "run", run)
    monkeypatch.setattr(source, "_give", lambda *_: None)
    return forge


def fetched(folder: Path, **keys: str) -> Path:
    """Fetch the project as a build does, and return its folder."""
    site = Site.at("shop", str(folder))
    (folder / "cache").mkdir(parents=True)
    wanted = {f"{FORGE}:{name.replace('__', '/')}": key for name, key in keys.items()}
    with mirrored(site, GitSource(f"{FORGE}:shop", "main", "key of shop", submodule_keys=wanted), {}) as git:
        git.checkout(git.resolve(), folder / "src")
    return folder / "src"


def test_each_submodule_is_opened_by_its_own_key(forge: Forge, tmp_path: Path) -> None:
    found = fetched(tmp_path / "site", you__widgets="key of widgets", partner__="key of partner", deep="key of deep\n")
    names = {str(path.relative_to(found)): path.read_text() for path in found.rglob("name.txt")}
    assert names == {
        "name.txt": "shop",
        "libs/widgets/name.txt": "you/widgets",
        "libs/widgets/inner/name.txt": "deep",
        "libs/our common/name.txt": "partner/common",
        # Beside the source, as an address that begins with dots says, and opened by its key.
        "same/name.txt": "you/same",
    }
    assert [path for path in found.rglob(".git") if path != found / ".git"] == []
    assert list((found / ".git").rglob("modules")) == []
    log = forge.log.read_text()
    assert "key of" not in log, "a key was in the list of processes"
    assert {line for line in log.splitlines() if line.isdigit()} == {"600"}
    kept = [path for path in (tmp_path / "site").rglob("*") if path.is_file() and b"key of" in path.read_bytes()]
    assert kept == [], "a key is still on the disk"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"you__widgets": "key of widgets", "deep": "key of deep"},
            r"submodule libs/our common .*, under the name ssh://git@.*common",
        ),
        (
            {"you__": "key of partner", "partner__": "key of partner"},
            r"submodule libs/widgets of the source.*has for git@git\.example\.org:you/ may read it",
        ),
        ({"you__widgets": "key of widgets", "partner__": "key of partner"}, r"submodule libs/widgets/inner .*name git@.*:deep"),
    ],
)
def test_the_submodule_that_no_key_opens_is_named(forge: Forge, tmp_path: Path, keys: dict[str, str], said: str) -> None:
    del forge
    with pytest.raises(Trouble, match=f"(?s){said}") as refused:
        fetched(tmp_path / "site", **keys)
    assert "key of" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("git@git.example.org:you/widgets.git", "git@git.example.org:you/widgets"),
        ("ssh://git@git.example.org/you/widgets", "git@git.example.org:you/widgets"),
        ("git@git.example.org:you/widgets-2.git", "git@git.example.org:"),
        ("git@git.example.org:them/widgets.git", "ssh://git@git.example.org/them/"),
        ("git@git.example.org.evil.example:you/widgets.git", ""),
        ("https://git.example.org/you/widgets.git", ""),
    ],
)
def test_the_longest_address_counts(url: str, found: str) -> None:
    addresses = ["git@git.example.org:", "git@git.example.org:you/widgets", "ssh://git@git.example.org/them/"]
    assert address_for(url, addresses) == found
