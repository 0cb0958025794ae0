"""What a release consists of: its packages, and its bill of materials."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.software import Package, bill, keep, kept, lock, packages_of

PYTHON = ".".join(map(str, sys.version_info[:3]))
RELEASE = {
    "id": "20260101T000000-aaaaaaa",
    "commit": "a" * 40,
    "source": "https://git.example.org/shop.git",
    "built_at": "2026-01-01T00:00:00Z",
    "python": PYTHON,
}
DJANGO = Package("django", "5.2.1", "BSD-3-Clause", ("asgiref", "sqlparse", "tzdata"))
ASGIREF = Package("asgiref", "3.8.1+local.1", "BSD License")
OWN = Package("our-library", "1.0", source="git+https://git.example.org/library.git")


@pytest.fixture(name="venv")
def _venv(tmp_path: Path) -> Path:
    site_packages = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    for name, lines in {
        "Django-5.2.1": [
            "Name: Django", "Version: 5.2.1", "License-Expression: BSD-3-Clause", "Requires-Dist: asgiref<4,>=3.8.1",
            'Requires-Dist: tzdata; sys_platform == "win32"', 'Requires-Dist: argon2-cffi>=19.1.0; extra == "argon2"',
            "Requires-Dist: sqlparse (>=0.3.1)",
        ],
        "asgiref-3.8.1+local.1": [
            "Name: asgiref", "Version: 3.8.1+local.1", "License: A text\n of many lines",
            "Classifier: License :: OSI Approved :: BSD License",
        ],
        "Our.Library-1.0": ["Name: Our.Library", "Version: 1.0"],
    }.items():  # fmt: skip
        folder = site_packages / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.4\n" + "\n".join(lines) + "\n\nRequires-Dist: not-a-header\n")
    direct = {"url": "git+https://me:hunter22@git.example.org/library.git", "vcs_info": {}}
    (site_packages / "Our.Library-1.0.dist-info" / "direct_url.json").write_text(json.dumps(direct))
    return tmp_path / "venv"


def test_packages_are_read_from_what_is_installed(venv: Path) -> None:
    assert packages_of(venv) == [ASGIREF, DJANGO, OWN]


def test_they_are_read_once_for_a_virtualenv(venv: Path) -> None:
    first = keep(venv)
    shutil.rmtree(venv / "lib")
    assert kept(venv) == first == [ASGIREF, DJANGO, OWN]


def test_a_virtualenv_of_an_older_version_of_ours_is_read_when_it_is_asked_for(venv: Path) -> None:
    assert kept(venv) == [ASGIREF, DJANGO, OWN]


def test_a_package_cannot_have_another_file_read(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Name: stolen\nVersion: secret\n\n")
    evil = venv / "lib" / "python3.11" / "site-packages" / "evil-1.dist-info"
    evil.mkdir()
    (evil / "METADATA").symlink_to(tmp_path / "secret")
    assert "stolen" not in [package.name for package in packages_of(venv)]


def test_the_bill_names_everything_and_what_needs_what() -> None:
    document = json.loads(bill("shop", RELEASE, [ASGIREF, DJANGO, OWN]))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["version"] == RELEASE["commit"]
    by_name = {component["name"]: component for component in document["components"]}
    assert by_name["python"]["version"] == PYTHON
    assert by_name["django"]["purl"] == "pkg:pypi/django@5.2.1"
    assert by_name["django"]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    assert by_name["asgiref"]["purl"] == "pkg:pypi/asgiref@3.8.1%2Blocal.1"
    assert by_name["our-library"]["externalReferences"][0]["url"] == OWN.source
    needs = {each["ref"]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert needs["project"] == ["python", DJANGO.purl, OWN.purl]
    assert needs[DJANGO.purl] == [ASGIREF.purl], "what is not installed is needed by nobody"
    assert set(needs) == {"project", "python", *(component["bom-ref"] for component in document["components"])}


def test_the_bill_of_a_release_is_always_the_same() -> None:
    assert bill("shop", RELEASE, [DJANGO]) == bill("shop", RELEASE, [DJANGO])
    assert bill("shop", RELEASE, [DJANGO]) != bill("cafe", RELEASE, [DJANGO])


def test_names_and_versions_are_data() -> None:
    _, text = lock([Package('evil"\n[[package]]\nname = "other', '1"\nversion = "2')], "3.11.2", "https://pypi.org/simple")
    assert text.count("\n[[package]]\n") == 2
