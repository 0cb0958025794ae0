"""What a project needs, as its files say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import decoded, find, has_local

PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
BUILD_SYSTEM = '[build-system]\nrequires = ["setuptools"]\n'


def test_a_lock_wins_over_requirements(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.txt").write_text("Django\n")
    assert find(tmp_path, tmp_path, "").kind == "lock"


def test_requirements_are_followed_into_the_files_they_name(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r requirements/base.txt\n")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("Django==5.2.9 --hash=sha256:00\n")
    found = find(tmp_path, tmp_path, "")
    assert "Django==5.2.9" in found.content
    assert found.hashed
    assert not found.local


def test_a_project_that_installs_itself_owns_its_environment(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\nDjango\n")
    assert find(tmp_path, tmp_path, "").local


def test_a_named_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match=r"requirements/live\.txt"):
        find(tmp_path, tmp_path, "requirements/live.txt")


def test_a_project_beside_other_files_is_found_by_its_own(tmp_path: Path) -> None:
    project = tmp_path / "src"
    project.mkdir()
    (tmp_path / "requirements.txt").write_text("Django\n")
    assert find(tmp_path, project, "").path == tmp_path / "requirements.txt"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("-r base.txt\r\n", "utf-16"),
        ("-r base.txt\n", "utf-8-sig"),
        ("-r base.txt\n", "utf-32"),
        ("# caf\xe9\n-r base.txt\n", "utf-8"),
    ],
)
def test_requirements_are_read_as_editors_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "requirements.txt").write_bytes(text.encode(encoding))
    (tmp_path / "base.txt").write_text("Django==5.2.9\n")
    found = find(tmp_path, tmp_path, "")
    assert "Django==5.2.9" in found.content
    assert not found.rewritten


def test_what_uv_cannot_read_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"# caf\xe9\nDjango\n")
    assert find(tmp_path, tmp_path, "").rewritten == {tmp_path / "requirements.txt": "# caf\xe9\nDjango\n"}


@pytest.mark.parametrize("raw", [b"D\0j\0a\0n\0g\0o\0", b"\xff\xfeD"])
def test_what_nobody_can_read_is_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "requirements.txt").write_bytes(raw)
    with pytest.raises(Trouble, match=r"requirements\.txt"):
        decoded(tmp_path / "requirements.txt")


def test_a_variable_in_a_name_is_that_of_builds(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r ${FOLDER}/base.txt\n")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "base.txt").write_text("Django==5.2.9\n")
    assert "Django==5.2.9" in find(tmp_path, tmp_path, "", {"FOLDER": "sets"}).content
    with pytest.raises(Trouble, match="site_build_env"):
        find(tmp_path, tmp_path, "", {})


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("Django==5.2.9  # see docs/why.txt", False),
        ("libs/common", True),
        ("./libs/common", True),
        ("..", True),
        ("-e .", True),
        ("--editable=libs/common", True),
        ("common @ ./libs/common", True),
        ("common[cache] @ file:///srv/x", True),
        ("widgets-1.0-py3-none-any.whl", True),
        ("widgets @ git+https://git.example.org/widgets@v1", False),
        ("https://example.org/widgets-1.0.tar.gz", False),
        ("git+ssh://git@example.org/widgets.git", False),
        ("-r requirements/base.txt", False),
        ("--index-url https://example.org/simple/", False),
        ("    --hash=sha256:aa/bb", False),
        ("six ; python_version < '3'", False),
    ],
)
def test_what_lies_in_the_source_is_known(line: str, local: bool) -> None:
    assert has_local(f"{line}\n") is local


LOCK = """version = 1
[[package]]
name = "shop"
source = { %s = "." }
[[package]]
name = "common"
source = { %s }
"""


@pytest.mark.parametrize(
    ("own", "other", "local", "itself"),
    [
        ("virtual", 'registry = "https://pypi.org/simple"', False, False),
        ("editable", 'registry = "https://pypi.org/simple"', True, True),
        ("virtual", 'editable = "libs/common"', True, False),
        ("virtual", 'directory = "../common"', True, False),
        ("virtual", 'git = "https://git.example.org/common#27b8"', False, False),
    ],
)
def test_a_lock_says_what_is_installed_out_of_the_source(tmp_path: Path, own: str, other: str, local: bool, itself: bool) -> None:
    (tmp_path / "uv.lock").write_text(LOCK % (own, other))
    (tmp_path / "pyproject.toml").write_text(PROJECT + BUILD_SYSTEM)
    found = find(tmp_path, tmp_path, "")
    assert (found.local, found.itself) == (local, itself)


def test_a_member_of_a_workspace_has_the_lock_of_the_top(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text('version = 1\n[[package]]\nname = "web"\nsource = { editable = "web" }\n')
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["web"]\n')
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "pyproject.toml").write_text(PROJECT)
    found = find(tmp_path, tmp_path / "web", "")
    assert (found.kind, found.home, found.itself) == ("lock", tmp_path / "web", True)


def test_a_pylock_is_taken_before_requirements(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "common"\ndirectory = {path = "libs/common"}\n'
    )
    (tmp_path / "requirements.txt").write_text("Django\n")
    found = find(tmp_path, tmp_path, "")
    assert (found.kind, found.local) == ("pylock", True)


def test_a_lock_of_poetry_is_taken_before_what_it_locks(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").write_text('[[package]]\nname = "django"\n')
    (tmp_path / "pyproject.toml").write_text(PROJECT + "[tool.poetry]\npackage-mode = false\n" + BUILD_SYSTEM)
    found = find(tmp_path, tmp_path, "")
    assert (found.kind, found.local, found.notes) == ("poetry", False, ())


def test_a_lock_is_never_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("Django\n")
    (tmp_path / "poetry.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    found = find(tmp_path, tmp_path, "")
    assert found.kind == "file"
    assert "poetry.lock" in found.notes[0]
    assert find(tmp_path, tmp_path, "poetry.lock").kind == "poetry"


@pytest.mark.parametrize(
    ("more", "itself"), [("", False), (BUILD_SYSTEM, True), (f"{BUILD_SYSTEM}[tool.uv]\npackage = false\n", False)]
)
def test_a_project_that_says_it_is_no_package_is_none(tmp_path: Path, more: str, itself: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT + more)
    assert find(tmp_path, tmp_path, "").itself is itself
