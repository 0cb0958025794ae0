"""How ansible-core's own checks are called, and what is shown of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import sanity
from lab.errors import LabError
from lab.paths import ROOT, VENV

PASSED = 'Running sanity test "pep8"\nRunning sanity test "pylint"\n'
FOUND = """\
Running sanity test "shebang"
ERROR: Found 1 shebang issue(s) which need to be resolved:
ERROR: roles/a/templates/b.j2:1:1: unexpected non-module shebang: b'#!/bin/bash'
See documentation for help: https://docs.ansible.com/
FATAL: The 1 sanity test(s) listed below (out of 24) failed. See error output above for details.
shebang
"""


def test_a_run_without_findings_shows_nothing() -> None:
    assert sanity.findings(PASSED) == ""


def test_each_finding_is_shown_with_its_place_and_the_end_with_its_reason() -> None:
    assert sanity.findings(PASSED + FOUND).splitlines() == [
        "ERROR: Found 1 shebang issue(s) which need to be resolved:",
        "ERROR: roles/a/templates/b.j2:1:1: unexpected non-module shebang: b'#!/bin/bash'",
        "FATAL: The 1 sanity test(s) listed below (out of 24) failed. See error output above for details.",
        "shebang",
    ]


def test_pip_is_the_one_that_the_installed_ansible_test_wants() -> None:
    requirements = sanity.Core("ansible-test", VENV).requirements.read_text()
    assert sanity.wanted_pip(requirements)[0].isdigit()


def test_another_way_of_naming_pip_is_told() -> None:
    with pytest.raises(LabError, match="PIP_VERSION"):
        sanity.wanted_pip("packages = {}")


def test_pip_is_told_of_the_index_and_the_certificates_of_the_machine() -> None:
    text = sanity.pip_settings("https://index.example.org/simple", "/etc/ssl/company.pem")
    assert "index-url = https://index.example.org/simple\n" in text
    assert "cert = /etc/ssl/company.pem\n" in text
    assert "index-url" not in sanity.pip_settings("", "")


def test_nothing_is_left_out() -> None:
    """No test is skipped, and no file says which findings are known."""
    assert "--skip" not in Path(sanity.__file__).read_text()
    assert not list((ROOT / "tests").rglob("ignore-*.txt"))
