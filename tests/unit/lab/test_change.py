"""What a change touches, as git tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import change
from lab.change import Change, read_change
from lab.commands import run


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits on its main branch."""
    monkeypatch.setattr(change, "ROOT", tmp_path)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": "/"}.items():
        monkeypatch.setenv(name, value)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for name in ("first", "second"):
        commit(tmp_path, name)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    run(["git", "-C", folder, *words])


def commit(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text("content\n", encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"Add {path}")


def test_on_the_main_branch_it_is_the_last_commit(checkout: Path) -> None:
    assert read_change().paths == {"second"}


def test_on_a_branch_it_is_all_that_the_main_branch_does_not_have(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--create", "branch")
    commit(checkout, "third")
    commit(checkout, "roles/nginx/tasks/main.yml")
    assert read_change().paths == {"third", "roles/nginx/tasks/main.yml"}


def test_what_is_not_committed_yet_counts(checkout: Path) -> None:
    (checkout / "first").write_text("other\n", encoding="utf-8")
    (checkout / "new file").write_text("other\n", encoding="utf-8")
    assert read_change().paths == {"first", "second", "new file"}


def test_the_first_commit_of_all_touches_nothing(checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "HEAD^")
    git(checkout, "branch", "--force", "main", "HEAD")
    assert read_change() == Change()


def test_an_archive_inside_another_repository_touches_nothing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = checkout / "archive"
    inside.mkdir()
    monkeypatch.setattr(change, "ROOT", inside)
    assert read_change() == Change()


def test_without_git_nothing_is_touched(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert read_change() == Change()


@pytest.mark.parametrize(
    ("path", "concern", "touched"),
    [
        ("roles/nginx/templates/etc/nginx/conf.d/_site_.conf.j2", "nginx", True),
        ("plugins/module_utils/postgresql.py", "postgresql", True),
        ("plugins/modules/postgresql_server.py", "postgresql", True),
        ("plugins/module_utils/balancing/haproxy.py", "haproxy", True),
        ("playbooks/patch.yml", "patch", True),
        ("roles/nginx/README.md", "nginx", False),
        ("docs/reference/nginx.md", "nginx", False),
        ("tests/unit/nginx.py", "nginx", False),
        ("roles/os/tasks/main.yml", "nginx", False),
        ("roles/os/tasks/main.yml", "o", False),
    ],
)
def test_a_path_names_its_concern(path: str, concern: str, touched: bool) -> None:
    assert Change(frozenset({path})).touches([concern]) is touched


def test_a_change_of_many_roles_is_not_narrow() -> None:
    roles = {f"roles/{name}/tasks/main.yml" for name in ("acme", "django", "firewall", "gunicorn")}
    assert Change(frozenset(roles)).is_narrow
    assert not Change(frozenset(roles | {"roles/nginx/tasks/main.yml"})).is_narrow
    assert Change(frozenset(roles | {"roles/nginx/README.md"})).roles == ["acme", "django", "firewall", "gunicorn"]


def test_it_says_what_it_is() -> None:
    assert str(Change()) == "The change touches no file."
    two = Change(frozenset({"roles/os/vars/main.yml", "roles/nginx/tasks/main.yml"}))
    assert str(two) == "The change touches 2 files and the roles nginx, os."
    assert str(Change(frozenset({"README.md"}))) == "The change touches 1 file and no role."
