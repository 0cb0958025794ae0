"""Certificates between hosts that end soon, or can't be read, are named; so are migrations, and databases that don't answer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.steps import release_switch, site_status
from ansible_collections.hotclub.django.plugins.module_utils.steps.site_status import (
    look_at_internal_certificates,
    look_at_migrations,
)


@pytest.fixture
def chain(tmp_path: Path) -> Callable[[str, int], str]:
    """Return a function that makes a certificate which ends in some days, in a folder of that name, and returns its file."""

    def make(name: str, days: int) -> str:
        folder = tmp_path / name
        folder.mkdir()
        made = ["-days", str(days), "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        subprocess.run([*command, *made], check=True, capture_output=True)
        return str(folder / "fullchain.pem")

    return make


def test_the_first_certificate_to_end_is_told_and_named_when_it_is_near(tmp_path: Path, chain: Callable[[str, int], str]) -> None:
    near, _ = chain("certificate", 3), chain("certificate-2", 100)
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([f"{tmp_path}/certificate*", f"{tmp_path}/nothing"], 14, status)

    assert status["internal_certificate_days"] in (2, 3)
    [problem] = status["problems"]
    assert problem.startswith(f"{near}, shown to other hosts, ends in ") and "playbooks/site.yml" in problem


def test_certificates_that_are_good_for_long_are_no_trouble(tmp_path: Path, chain: Callable[[str, int], str]) -> None:
    chain("certificate", 100)
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([f"{tmp_path}/certificate"], 14, status)
    none: dict[str, Any] = {"problems": []}
    look_at_internal_certificates([], 14, none)

    assert status["problems"] == []
    assert "internal_certificate_days" not in none


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_bytes(b"nothing \xff")
    status: dict[str, Any] = {"problems": []}

    look_at_internal_certificates([str(tmp_path)], 14, status)

    assert f"{tmp_path}/fullchain.pem can't be read" in status["problems"][0]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Return a function that lets every release's interpreter give an answer."""

    class Interpreter:
        hidden = ("s3cret-word",)

        def __init__(self, *_: object) -> None:
            pass

        def ask(self, _question: str) -> dict[str, Any]:
            return given

    given: dict[str, Any] = {}
    for module in (site_status, release_switch):
        monkeypatch.setattr(module, "Interpreter", Interpreter)
    return given.update


DOWN = {"failed": {"type": "RuntimeError", "text": "the database reports: s3cret-word was refused", "place": ""}}


def test_a_database_that_does_not_answer_is_no_good_sign(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering(DOWN)
    status: dict[str, Any] = {"problems": []}
    look_at_migrations(site, "1", status)
    assert "pending_migrations" not in status
    assert "the database reports: ******** was refused" in status["problems"][0]


def test_migrations_of_every_database_are_pending(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering({"pending": ["shop.0002_prices", "shop.0002_prices in reports"]})
    status: dict[str, Any] = {"problems": []}
    look_at_migrations(site, "1", status)
    assert len(status["pending_migrations"]) == 2
    assert "shop.0002_prices in reports" in status["problems"][0]


def test_nobody_goes_back_past_a_database_that_cannot_be_asked(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering(DOWN)
    with pytest.raises(Trouble, match="rollback_ignore_migrations"):
        release_switch.refuse_newer_database(site, "1")


def test_going_back_names_the_database_that_is_too_new(site: Site, answering: Callable[[dict[str, Any]], None]) -> None:
    answering({"pending": [], "unknown": ["shop.0002_prices in reports"]})
    with pytest.raises(Trouble, match="--database=reports"):
        release_switch.refuse_newer_database(site, "1")
