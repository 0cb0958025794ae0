"""The applications of the corpus, and the browser that uses them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab import playbooks, repository
from lab.commands import run
from lab.corpus import cases, proof
from lab.corpus.browser import File, Page, encoded
from lab.errors import LabError
from lab.inventory import Lab

LOGIN = """
<form action="/search"><input name="q" value="all"></form>
<form method="post"><input type="hidden" name="token" value="t1"><input name="username" required>
<input type="checkbox" name="stay" checked><input type="checkbox" name="tell"><input type="submit" name="go" value="Go">
<select name="zone"><option value="a">A</option><option value="b" selected>B</option></select>
<textarea name="note">
Two
lines</textarea><input type="password" name="password"><input type="file" name="face"></form>
"""


@pytest.mark.parametrize("name", cases.names())
def test_each_application_is_a_small_repository_with_variables_and_what_is_done_with_it(name: str) -> None:
    known = cases.case(name)

    assert (known.site / "manage.py").is_file()
    assert (known.site / "requirements.txt").is_file()
    assert known.runs in (1, 2)
    assert known.account
    assert all("page" in step for step in known.steps)


def test_an_application_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(LabError, match=r"no application blog\. These exist: .*ara"):
        cases.case("blog")


def test_variables_of_the_environment_are_counted_one_by_one() -> None:
    known = cases.Case("x", "X", 1, "/", {}, "/", "/", [], [], {"site_packages": ["a", "b"], "site_env": {"A": "1", "B": "2"}})

    assert known.count == 3


def test_a_form_is_sent_with_what_it_holds() -> None:
    form = Page("/login/", 200, LOGIN).form("password")

    assert form.fields == {"token": "t1", "username": "", "stay": "on", "zone": "b", "note": "Two\nlines", "password": ""}


def test_a_form_that_is_missing_is_told_with_those_that_are_there() -> None:
    with pytest.raises(LabError, match=r"/login/ \(200\) has no form with a field email\. Its forms have: q; face, "):
        Page("/login/", 200, LOGIN).form("email")


def test_a_file_is_sent_as_browsers_do() -> None:
    body, kind = encoded({"name": "M"}, {"face": File("a.png", "image/png", b"\x89PNG")})

    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(b"--" + boundary) == 3
    assert b'form-data; name="face"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n' in body


@pytest.mark.parametrize("names", [("username", "password"), ("email", "password"), ("login_email", "password")])
def test_the_fields_of_a_login_are_found(names: tuple[str, str]) -> None:
    text = "<form>" + "".join(f'<input name="{name}">' for name in names) + "</form>"

    assert proof.login_fields(Page("/", 200, text)) == names


def test_the_picture_is_one() -> None:
    content = proof.picture(2)

    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert zlib.crc32(content[12:29]) == int.from_bytes(content[29:33])


def test_the_table_says_what_it_took() -> None:
    result = proof.Result("x", "X 1", 2, 3, 52.4, 8.0, 6.4, True, 80, 0, [])

    assert proof.table([result]).splitlines()[-1] == "| X 1 | 2 | 3 | 52 s | 8 s | 6 s | yes | 0 of 80 |"
    assert proof.beyond([result]) == "- X 1: nothing"


@pytest.mark.parametrize("variables", [{"manage_command": "createsuperuser --noinput"}, {"site_version": "v1"}])
def test_a_value_with_a_space_reaches_the_playbook_whole(variables: Mapping[str, Any]) -> None:
    words = playbooks.command(Lab(Path("single")), "manage", variables)

    assert json.loads(str(words[words.index("--extra-vars") + 1])) == variables


def test_an_edition_of_a_folder_differs_by_the_files_that_are_named(tmp_path: Path) -> None:
    folder, bare = tmp_path / "site", tmp_path / "git" / "site.git"
    folder.mkdir()
    (folder / "manage.py").write_text("print()\n", encoding="utf-8")
    for changed in ({}, {}, {"EDITION": "2\n"}):
        repository.commit_folder(bare, folder, changed)

    def told(*words: str) -> str:
        return run(["git", "--git-dir", bare, *words]).stdout

    assert told("rev-list", "--count", "main") == "2\n"
    assert told("show", "main:EDITION") == "2\n"
    assert told("show", "main~1:manage.py") == "print()\n"


@pytest.mark.parametrize(("took", "each_second"), [((0.01, 0.01, 9.0), 5.0), ((0.4, 0.5, 0.6), 0.5)])
def test_a_page_is_asked_for_as_often_as_the_machine_bears(took: tuple[float, ...], each_second: float) -> None:
    assert proof.rate(took) == each_second
