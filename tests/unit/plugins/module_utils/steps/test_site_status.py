"""Certificates between hosts that end soon, or can't be read, are named; so are migrations, and databases that don't answer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import Waiting
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools
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


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, list[str]], dict[str, Any]]:
    """Return a function that looks at a host where an upgrade for security waits, and services run replaced code."""

    def look(days: int, services: list[str]) -> dict[str, Any]:
        monkeypatch.setattr(site_status, "waiting", lambda _run: Waiting(3, ("nginx",), 30, days))
        monkeypatch.setattr(site_status, "services_with_replaced_code", lambda: services)
        status: dict[str, Any] = {"problems": [], "remarks": []}
        site_status.look_at_updates(Site("shop", Path("/srv/shop")), 14, status)
        return status

    return look


def test_upgrades_for_security_that_wait_for_long_are_a_trouble(waiting: Callable[[int, list[str]], dict[str, Any]]) -> None:
    assert waiting(14, []) == {"problems": [], "remarks": [], "updates": {"count": 3, "security": ["nginx"], "days": 30}}
    assert waiting(15, [])["problems"] == ["upgrades for security wait, the first for 15 days (nginx): run playbooks/patch.yml"]


def test_services_that_run_replaced_code_are_worth_knowing(waiting: Callable[[int, list[str]], dict[str, Any]]) -> None:
    [remark] = waiting(0, ["nginx.service", "ssh.service"])["remarks"]
    assert remark == "nginx.service still runs code that an upgrade has replaced: run playbooks/patch.yml"


def test_a_newer_interpreter_is_worth_knowing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(known: str, here: str, brought: bool = True) -> list[str]:
        monkeypatch.setattr(site_status, "newer_known", lambda *_: known)
        monkeypatch.setattr(site_status, "patch_release", lambda *_: here)
        monkeypatch.setattr(site_status, "is_brought", lambda *_: brought)
        monkeypatch.setattr(Site, "current", lambda _site: "1")
        monkeypatch.setattr(Site, "describe", lambda _site, _release: {"python": "3.12.5"})
        status: dict[str, Any] = {"problems": [], "remarks": []}
        site_status.look_at_interpreter(site, Tools("/opt/uv", "/opt/python", lambda *_: Outcome(0), {}), "python3.12", status)
        return list(status["remarks"])

    assert look("3.12.10", "3.12.5") == [
        "Python 3.12.5 was brought by uv, which knows 3.12.10: run playbooks/patch.yml, then playbooks/deploy.yml"
    ]
    assert look("", "3.12.10") == ["the release runs with Python 3.12.5, and 3.12.10 is there: run playbooks/deploy.yml"]
    assert look("", "3.12.5") == []
    assert look("", "3.13.1", brought=False) == []
