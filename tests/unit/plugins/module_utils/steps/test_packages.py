"""The step that installs packages: what dpkg's list says, and what a failure says."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine import packages
from ansible_collections.hotclub.django.plugins.module_utils.machine.packages import installed
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.packages import explained

STATUS = """\
Package: nginx
Status: install ok installed
Version: 1.26

Package: postgresql-17
Status: deinstall ok config-files

Package: broken
Status: install ok half-configured

Package: held
Status: hold ok installed
Description: text
 Status: install ok installed
"""


def test_only_what_is_installed_and_configured_counts() -> None:
    assert list(installed(STATUS)) == ["nginx", "held"]


def test_what_apt_says_of_a_dpkg_that_is_broken_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "status").write_text(STATUS)
    monkeypatch.setattr(packages, "DPKG_LIST", str(tmp_path / "status"))
    said = packages.failure(Outcome(100, "", "E: Sub-process /usr/bin/dpkg returned an error code (1)"))
    assert isinstance(said, Refusal)
    assert "broken (half-configured)" in str(said) and "error code (1)" in str(said)


@pytest.mark.parametrize(
    ("output", "for_all"),
    [
        ("E: Unable to locate package nginxx", False),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)", True),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", True),
    ],
)
def test_what_keeps_every_package_away_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, for_all: bool
) -> None:
    (tmp_path / "status").write_text("Package: nginx\nStatus: install ok installed\n")
    monkeypatch.setattr(packages, "DPKG_LIST", str(tmp_path / "status"))
    assert isinstance(packages.failure(Outcome(100, "", output)), Refusal) == for_all


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "The disk is full"),
        ("Failed to update apt cache: unknown reason", "reaches the servers"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (apt-get)", "Wait until it has ended"),
        ("dpkg has packages that are only half installed: broken (half-configured).", "dpkg --configure -a"),
        ("E: Packages need to be removed but remove is disabled.", "nothing is removed unasked"),
    ],
)
def test_a_failure_names_host_packages_cause_and_remedy(message: str, cause: str) -> None:
    text = explained("web1", ["nginx"], message, "Correct nginx_packages.")

    assert text.splitlines()[0] == "web1 can't install nginx:"
    assert message in text
    assert cause in text
    assert text.endswith("Correct nginx_packages.")
