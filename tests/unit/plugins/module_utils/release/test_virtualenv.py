"""What is installed with hashes, and what is not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import virtualenv
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.requirements import Requirements
from ansible_collections.hotclub.django.plugins.module_utils.release.virtualenv import (
    Toolchain,
    Virtualenvs,
    applying,
    in_version_of,
    parted,
)

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


class Places:
    """Where virtualenvs of one set of requirements lie, and which are there."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = site
        monkeypatch.setattr(Virtualenvs, "_key", lambda self, requirements: "key")

    def of(
        self, hashed: bool = False, pins: Mapping[str, str] | None = None, renewed: str = "", wanted: Sequence[str] = ()
    ) -> Path:
        tools = Toolchain("uv", "python3", {}, {}, wanted, pins=pins or {}, renewed=renewed)
        requirements = Requirements("file", Path("requirements.txt"), "", hashed, False, Path())
        return Virtualenvs(self.site, tools)._place(requirements)

    def build(self, folder: Path, age: int, **versions: str) -> Path:
        for name, version in versions.items():
            (folder / "lib/python3.13/site-packages" / f"{name}-{version}.dist-info").mkdir(parents=True)
        (folder / ".complete").touch()
        os.utime(folder / ".complete", (1_700_000_000 - age, 1_700_000_000 - age))
        return folder


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    return Places(Site.at("shop", str(tmp_path)), monkeypatch)


def test_requirements_without_a_lock_mean_what_they_meant_until_newer_ones_are_wanted(places: Places) -> None:
    first = places.build(places.of(), age=20, django="5.2.1")
    assert places.of() == first
    second = places.build(places.of(renewed="20261129T120000"), age=10, django="5.2.2")
    assert second != first
    assert places.of() == second


def test_a_host_takes_the_versions_that_the_fleet_has(places: Places) -> None:
    older = places.build(places.of(), age=20, django="5.2.1", pillow="11.0.0")
    places.build(places.of(renewed="20261129T120000"), age=10, django="5.2.2", pillow="11.0.0")
    assert places.of(pins={"django": "5.2.1", "Pillow": "11.0.0", "only-there": "1"}) == older
    other = places.of(pins={"django": "5.2.3"})
    assert not other.exists()
    assert places.of(pins={"django": "5.2.3"}, renewed="20261129T120000") == other


def test_a_lock_means_the_same_everywhere_but_for_what_the_operator_adds(places: Places) -> None:
    pins = {"django": "5.2.1"}
    assert places.of(hashed=True) == places.of(hashed=True, pins=pins, renewed="20261129T120000")
    assert places.of(hashed=True, wanted=["extra"]) != places.of(hashed=True, wanted=["extra"], pins=pins)


def test_what_we_add_comes_in_the_version_of_the_fleet() -> None:
    assert in_version_of("psycopg[binary]==3.3.9", {"psycopg": "3.2.1"}) == "psycopg[binary]==3.2.1"
    assert in_version_of("gunicorn==27.0.1", {"psycopg": "3.2.1"}) == "gunicorn==27.0.1"


def test_pins_are_constraints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []

    def pip(self: Virtualenvs, *arguments: str, folder: Path, cwd: Path) -> Outcome:
        told.append(Path(arguments[arguments.index("--constraint") + 1]).read_text() if "--constraint" in arguments else "")
        return Outcome(0)

    monkeypatch.setattr(Virtualenvs, "_pip", pip)
    monkeypatch.setattr(virtualenv, "_chown", lambda *_: None)
    for pins in ({}, {"django": "5.2.1", "asgiref": "3.9"}):
        tools = Toolchain("uv", "python3", {}, {}, pins=pins)
        Virtualenvs(Site.at("shop", str(tmp_path)), tools)._bound("-r", "requirements.txt", folder=tmp_path, cwd=tmp_path)
    assert told == ["", "asgiref==3.9\ndjango==5.2.1\n"]
