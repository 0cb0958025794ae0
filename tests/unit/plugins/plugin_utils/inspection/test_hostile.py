"""A source that means harm: nothing of it is run, nothing outside of it is read, and nothing of it stops the reader."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.plugin_utils.files.folders import files_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import FILE_BYTES, Source, copied

from tests.unit.plugins.plugin_utils.inspection.conftest import SMALLEST, Inspect, look


@pytest.mark.parametrize(
    "name", ["manage.py", "shop/settings.py", "shop/wsgi.py", "setup.py", "conftest.py", "shop/__init__.py", "sitecustomize.py"]
)
def test_nothing_of_the_project_is_run(inspected: Inspect, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "was-run"
    inspected({name: f"{SMALLEST.get(name, '')}\nopen({str(mark)!r}, 'w').close()\n"})

    assert not mark.exists()


def test_a_repository_runs_nothing_while_its_files_are_listed(tmp_path: Path) -> None:
    folder, mark = tmp_path / "project", tmp_path / "was-run"
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / "manage.py").write_text("")
    with (folder / ".git" / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = "touch {mark}; true"\n')

    assert files_of(folder) == ["manage.py"]
    assert not mark.exists()


def test_links_that_lead_out_are_not_followed(inspected: Inspect, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    secret = tmp_path / "secret.txt"
    secret.write_text("Django\nnot-to-be-seen\n")
    (tmp_path / "project" / "requirements.txt").symlink_to(secret)
    found = inspected({"requirements.txt": None})

    assert "not-to-be-seen" not in found.text()
    assert "requirements.txt is a link that leads out of the source" in found.text()


def test_links_that_lead_out_by_way_of_others_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "secret.txt").write_text("not-to-be-seen")
    source = Source(tmp_path / "copy")
    source.link("here", ".")
    source.link("round", "round")
    # By its spelling, it stays inside.
    source.link("sub/settings.py", "../here/../secret.txt")
    source.finish()

    assert not os.path.lexists(tmp_path / "copy" / "sub" / "settings.py")
    assert source.left_out == ["sub/settings.py is a link that leads out of the source"]


def test_links_within_the_source_are_followed(inspected: Inspect, tmp_path: Path) -> None:
    (tmp_path / "project" / "requirements").mkdir(parents=True)
    (tmp_path / "project" / "requirements" / "all.txt").write_text("Django==5.2.19\npython-magic\n")
    (tmp_path / "project" / "requirements.txt").symlink_to("requirements/all.txt")

    assert inspected({"requirements.txt": None}).lines["site_packages"] == ["file"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shop/settings.py", b"this is = = no Python"),
        ("shop/settings.py", b"\xff\xfe\x00\x00"),
        ("shop/settings.py", b"X = " + b"(" * 5000 + b")" * 5000),
        ("shop/settings.py", b"X = " + b"-" * 100_000 + b"1"),
        ("shop/settings.py", b"X = 1" + b" + 1" * 50_000),
        ("shop/settings.py", b"X = [1]\n" + b"X += X\n" * 200),
        ("shop/settings.py", b"X = 'x'\n" + b"X = X + X\n" * 200),
        ("shop/settings.py", b"X = []\nX.append(X)\nDATABASES = {'default': X}\nCACHES = X\nINSTALLED_APPS = X\n"),
        ("shop/settings.py", b"from .settings import *\nfrom shop.settings import *\n"),
        ("shop/settings.py", b"DATABASES = {1: 2}\nCACHES = [1]\nLOGGING = {'handlers': 3}\nTASKS = {'a': 1}\nSTORAGES = 5\n"),
        ("pyproject.toml", b"[project\n"),
        ("pyproject.toml", b"[project]\ndependencies = 5\nrequires-python = 3\n"),
        ("pyproject.toml", b"tool = 5\n"),
        ("pyproject.toml", b"a = " + b"[" * 3000 + b"]" * 3000),
        ("uv.lock", b"package = 5\n"),
        ("poetry.lock", b"[[package]]\nname = 5\n"),
        ("requirements.txt", b"\x00\x01\x02"),
        ("requirements.txt", b"-r missing.txt\n"),
        ("requirements.txt", b"-r requirements.txt\n"),
        ("package.json", b'{"scripts": [1], "engines": 3, "packageManager": 7}'),
        ("package.json", b'{"scripts": {"build": 1}, "volta": {"node": {}}}'),
        ("package.json", b"[" * 100_000),
        ("Procfile", b"\xff:\n:\n"),
        (".python-version", b"\xff\xfe"),
        (".nvmrc", b"99999999999999999999999\n"),
    ],
)
def test_a_broken_file_stops_nothing_but_what_depends_on_it(inspected: Inspect, name: str, content: bytes) -> None:
    extra = {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n"} if name.endswith(".lock") else {}

    assert "manage.py at the top" in inspected({**extra, name: content}).text()


def test_what_is_too_large_is_not_read(inspected: Inspect, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    with (folder / "requirements.txt").open("wb") as file:
        file.truncate(FILE_BYTES + 1)

    assert "requirements.txt is too large to be read" in inspected({"requirements.txt": None}).text()


def test_what_is_no_file_is_left_alone(inspected: Inspect, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    os.mkfifo(tmp_path / "project" / "Procfile")

    assert "Procfile is neither a file nor a link" in inspected().text()


def test_names_that_a_folder_could_not_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    source = Source(tmp_path / "copy")
    source.link("shop", str(tmp_path))
    source.add("../out.py", 1, lambda: b"x")
    source.add("/out.py", 1, lambda: b"x")
    source.add("shop/out.py", 1, lambda: b"x")
    source.add("shop/out.py/more.py", 1, lambda: b"x")
    source.finish()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
    assert (tmp_path / "copy" / "shop" / "out.py").is_file()
    assert not (tmp_path / "out.py").exists()


def test_what_a_project_says_is_text_on_the_screen(inspected: Inspect) -> None:
    found = inspected({"shop/settings.py": "LOGGING = {'handlers': {'\\x1b[2Jfile': {'filename': '/var/log/\\x1b]0;x'}}}\n"})

    assert "\x1b" not in found.text()
    assert "/var/log/" in found.text()


def test_a_name_of_a_file_may_be_any_bytes(tmp_path: Path) -> None:
    for name, text in SMALLEST.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.py")).write_text("import os\n")

    look(tmp_path).text().encode()
    assert copied(tmp_path, [], tmp_path / "none").files == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("shop/settings.py", 'STATIC_URL = \'/{{ lookup("pipe", "id") }}/\'\n'),
        ("shop/settings.py", "import os\nBROKER_URL = os.environ.get('B', 'redis://redis/{{ lookup(\"pipe\", \"id\") }}')\n"),
        ("shop/settings.py", "import os\nBROKER_URL = os.environ.get('B', 'redis://redis/${SECRET_KEY}')\n"),
        ("{{ lookup('pipe', 'id') }}/package.json", '{"scripts": {"build": "x"}}'),
        ("shop/settings.py", "X = 1\n\n# site_env:\nSTATIC_URL = '/a\\nsite_name: other/'\n"),
    ],
)
def test_nobody_can_be_made_to_copy_an_expression(inspected: Inspect, name: str, content: str) -> None:
    written = inspected({name: content}).yaml()
    copied_lines = yaml.safe_load(written) or {}

    assert set(copied_lines) <= {"site_static_url", "site_build_packages", "site_build_commands", "site_packages"}
    assert "lookup" not in str(copied_lines) and "${" not in str(copied_lines)
