"""What is installed with hashes, and what is not."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import applying, parted

from tests.unit.conftest import CHECKOUT

HASHES = """# Made by somebody
gunicorn==27.0.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
typing-extensions==4.16.0 ; python_version < "3.13" \\
    --hash=sha256:cc
"""


def test_what_we_add_is_bound_to_its_hashes() -> None:
    assert applying(HASHES, {"django": "5.2"}, ["gunicorn==27.0.1"]) == HASHES.partition("\n")[2]


def test_what_the_project_has_installed_is_not_bound() -> None:
    assert "typing-extensions" not in applying(HASHES, {"typing-extensions": "4.1"}, ["gunicorn==27.0.1"])


@pytest.mark.parametrize(
    "chosen", ["gunicorn==28.0", "gunicorn", "gunicorn[setproctitle]~=27.0", "Gunicorn @ https://example.org/x"]
)
def test_another_version_of_the_operators_is_not_bound(chosen: str) -> None:
    bound = applying(HASHES, {}, [chosen])
    assert "gunicorn==" not in bound and "typing-extensions==4.16.0" in bound


def test_the_file_of_hashes_has_the_versions_that_are_asked_for() -> None:
    files = CHECKOUT / "roles" / "django" / "files"
    asked = [line for line in (files / "extras.in").read_text().splitlines() if not line.startswith("#")]
    defaults = (CHECKOUT / "roles" / "django" / "defaults" / "main.yml").read_text()
    hashed = (files / "extras.txt").read_text()
    for requirement in asked:
        assert f"'{requirement}'" in defaults, f"{requirement} is not what django_extra_requirements says"
        assert f"\n{requirement.replace('[binary]', '')} " in hashed, f"extras.txt was not made again for {requirement}"
    assert len(asked) == defaults.count("==") - defaults.count(" == "), "a requirement is missing from extras.in"


def test_poetry_is_bound_to_its_hashes() -> None:
    files = CHECKOUT / "roles" / "django" / "files"
    hashed = (files / "poetry.txt").read_text()
    for requirement in (line for line in (files / "poetry.in").read_text().splitlines() if not line.startswith("#")):
        assert f"\n{requirement} " in hashed, f"poetry.txt was not made again for {requirement}"


COMMIT = "27b8b09990cf76a88ab38c42ebb1bda52df097a0"
EXPORTED = f"""./libs/common
django==5.2.19 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
widgets @ git+https://git.example.org/widgets@{COMMIT} ; python_version < '4'
common[cache] @ file:///srv/shop/libs/common
"""


def test_of_a_lock_everything_but_its_folders_and_commits_must_have_a_hash() -> None:
    hashed, bound = parted(EXPORTED)
    assert hashed == "django==5.2.19 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    assert [line.split()[0] for line in bound.splitlines()] == ["./libs/common", "widgets", "common[cache]"]


@pytest.mark.parametrize(
    "loose", ["django==5.2.19", "widgets @ git+https://git.example.org/widgets@main", "widgets @ https://example.org/widgets.zip"]
)
def test_what_nothing_binds_is_left_to_be_refused(loose: str) -> None:
    assert parted(f"{loose}\n") == (f"{loose}\n", "")


def test_a_file_of_the_source_keeps_its_hash() -> None:
    line = "./wheels/widgets-1.0-py3-none-any.whl \\\n    --hash=sha256:aa\n"
    assert parted(line) == (line, "")
