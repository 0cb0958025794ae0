"""The step that installs packages: what dpkg's list says, and what a failure says."""

from __future__ import annotations

import pytest
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


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "The disk is full"),
        ("Failed to update apt cache: unknown reason", "reaches the servers"),
        ("E: Packages need to be removed but remove is disabled.", "nothing is removed unasked"),
    ],
)
def test_a_failure_names_host_packages_cause_and_remedy(message: str, cause: str) -> None:
    text = explained("web1", ["nginx"], message, "Correct nginx_packages.")

    assert text.splitlines()[0] == "web1 can't install nginx:"
    assert message in text
    assert cause in text
    assert text.endswith("Correct nginx_packages.")
