"""Requirements that name a repository mean on all hosts of a fleet the commit that they meant on the first one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.release import virtualenv
from ansible_collections.hotclub.django.plugins.module_utils.release.git_pins import overrides, pin
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.software import packages_of
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import Toolchain, Virtualenvs, bound, has_versions

COMMIT, OTHER = "27b8b09990cf76a88ab38c42ebb1bda52df097a0", "0" * 40
PIN = f"git+https://git.example.org/widgets.git@{COMMIT}"
# Builds the package of its folder without anything from an index.
BACKEND = """
import json, os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    about = json.load(open("about.json"))
    wheel, info = f"{about['name']}-1.0-py3-none-any.whl", f"{about['name']}-1.0.dist-info"
    lines = ["Metadata-Version: 2.1", "Name: " + about["name"], "Version: 1.0", "Provides-Extra: more"]
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        archive.writestr(f"{info}/METADATA", "\\n".join(lines + ["Requires-Dist: " + each for each in about["requires"]]) + "\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("widgets @ git+https://git.example.org/widgets.git", f"widgets @ {PIN}"),
        ("Widgets[b,a]@git+https://git.example.org/widgets.git@feature/x ; os_name == 'posix'", f"widgets[a,b] @ {PIN}"),
        ("git+https://git.example.org/widgets.git#egg=widgets", f"widgets @ {PIN}"),
        # What signs in stays as the requirements have it.
        (
            "widgets @ git+https://${TOKEN}@git.example.org/widgets.git@main",
            f"widgets @ git+https://${{TOKEN}}@git.example.org/widgets.git@{COMMIT}",
        ),
        (
            'dependencies = ["widgets[a]"]\n[tool.uv.sources]\nwidgets = { git = "https://git.example.org/widgets.git" }',
            f"widgets[a] @ {PIN}",
        ),
        ("widgets @ git+https://elsewhere.example/widgets.git", ""),
        ("widgets>=2", ""),
    ],
)
def test_a_repository_is_asked_for_the_commit_of_the_fleet(asked: str, line: str) -> None:
    assert overrides({"widgets": PIN, "django": "5.2"}, asked, {"TOKEN": "hunter2"}) == (f"{line}\n" if line else "")


@pytest.mark.parametrize(
    "version",
    [
        f"git+https://evil.example/widgets.git@{COMMIT}",
        f"git+https://git.example.org/widgets.git@{COMMIT}\nevil @ https://evil.example/evil.zip",
        "git+https://git.example.org/widgets.git@main",
        f"git+https://git.example.org/widgets.git@{COMMIT}#subdirectory=../..\n",
    ],
)
def test_a_host_that_was_taken_over_cannot_have_others_install_from_elsewhere(version: str) -> None:
    assert overrides({"widgets": version}, "widgets @ git+https://git.example.org/widgets.git", {}) == ""


def test_what_signs_in_is_not_passed_on() -> None:
    assert pin("https://me:hunter2@git.example.org/x", COMMIT) == f"git+https://git.example.org/x@{COMMIT}"
    assert (
        pin("ssh://git:hunter2@git.example.org/x", COMMIT, "lib") == f"git+ssh://git@git.example.org/x@{COMMIT}#subdirectory=lib"
    )


Commits = Callable[[str, str], str]


@pytest.fixture(name="commits")
def _commits(tmp_path: Path) -> Commits:
    """Return a function that commits a next state of a package to its repository."""
    told = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def commit(name: str, requires: str = "") -> str:
        folder = tmp_path / "git" / name

        def git(*words: str) -> str:
            environment = {**os.environ, **told, "GIT_CONFIG_GLOBAL": "/dev/null"}
            return subprocess.run(["git", *words], check=True, env=environment, capture_output=True, text=True).stdout.strip()

        git("init", "--quiet", "--initial-branch=main", str(folder))
        (folder / "backend.py").write_text(BACKEND)
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "about.json").write_text(f'{{"name": "{name}", "requires": [{requires}]}}')
        git("-C", str(folder), "add", ".")
        git("-C", str(folder), "commit", "--quiet", "--allow-empty", "-m", "next")
        return git("-C", str(folder), "rev-parse", "HEAD")

    return commit


def test_later_hosts_install_the_same_commits(commits: Commits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what a package wants in its turn, and with the extras that somebody asks for."""

    def run(command: list[str], *, user: str, environment: Mapping[str, str] | None = None, **more: Any) -> processes.Outcome:
        return processes.run(command, environment={**(environment or {}), "HOME": str(tmp_path)}, **more)

    monkeypatch.setattr(virtualenv, "run", run)
    monkeypatch.setattr(virtualenv, "_chown", lambda *_: None)
    place = f"git+file://{tmp_path}/git"
    first_commits = {
        "deep": commits("deep", ""),
        "widgets": commits("widgets", f"\"deep @ {place}/deep@main ; extra == 'more'\""),
    }
    asked = f"widgets[more] @ {place}/widgets@main\n"
    (tmp_path / "requirements.txt").write_text(asked)

    def install(name: str, pins: Mapping[str, str]) -> Path:
        uv = str(Path(sys.executable).parent / "uv")
        environment = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / f"cache-{name}"), "UV_PYTHON": sys.executable}
        virtualenvs = Virtualenvs(Site.at("shop", str(tmp_path)), Toolchain(uv, sys.executable, environment, {}, pins=pins))
        venv = tmp_path / name
        assert virtualenvs._uv("venv", "--quiet", str(venv), folder=venv, cwd=tmp_path).code == 0
        done = virtualenvs._bound("-r", str(tmp_path / "requirements.txt"), folder=venv, cwd=tmp_path, asked=asked)
        assert done.code == 0, done.output
        return venv

    first = install("first", {})
    pins = {package.name: package.bound for package in packages_of(first)}
    assert pins == {name: f"{place}/{name}@{commit}" for name, commit in first_commits.items()}
    for name in first_commits:
        assert commits(name, "") != first_commits[name]
    later = install("later", pins)
    assert {package.name: package.bound for package in packages_of(later)} == pins
    assert has_versions(bound(later), pins)
    assert not has_versions(bound(install("unbound", {})), pins)
