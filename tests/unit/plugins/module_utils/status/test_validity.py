"""Certificates between hosts that end soon, or can't be read, are named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status.validity import look_at_internal_certificates


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
