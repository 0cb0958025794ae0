"""What helps where packages can't be installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.remedies import (
    compiling_remedy,
    is_no_package,
    remedy_for,
    writing_remedy,
)


@pytest.mark.parametrize(
    ("said", "packages"),
    [
        ("fatal error: Python.h: No such file or directory", "[python3-dev]"),
        ("Error: pg_config executable not found.", "[libpq-dev]"),
        ("./psycopg/psycopg.h:35:10: fatal error: libpq-fe.h: No such file\nPython.h: no", "[python3-dev, libpq-dev]"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "[build-essential, python3-dev]"),
        (
            "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory\n\n"
            "hint: `psycopg-c` (v3.3.6) was included because `netbox` (v4.7.3) depends on `psycopg[c]` (v3.3.6)",
            "[build-essential, python3-dev, libpq-dev]",
        ),
        (
            "Failed to build `python_ldap==3.4.5`\nerror: command 'gcc' failed: No such file or directory",
            "[build-essential, python3-dev, libldap-dev, libsasl2-dev]",
        ),
    ],
)
def test_what_a_build_lacks_is_named_by_its_package(said: str, packages: str) -> None:
    assert f"site_build_packages: {packages}" in compiling_remedy(said)


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("Failed to build `x`\nsomething else", "for the reason above"),
        ("error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.", "run `uv lock`"),
        (
            "pyproject.toml changed significantly since poetry.lock was last generated. Run `poetry lock` to fix",
            "run `poetry lock`",
        ),
        (
            "No solution found when resolving dependencies:\n  Because the current Python version (3.11.2) does not satisfy "
            "Python>=3.12 and django==6.1.3 depends on Python>=3.12, we can conclude",
            'python_version: "3.12"',
        ),
        ("No solution found\nhint: ... use `--index-strategy unsafe-best-match`", "UV_INDEX_STRATEGY"),
        ("No solution found when resolving dependencies", "Correct the project's requirements"),
        ("Failed to build `x`\nLookupError: setuptools-scm was unable to detect version for /srv/x", "git's tags"),
        ("Hash mismatch for `django==5.2.19`", "find out why"),
        ("error sending request for url", "can't be reached"),
    ],
)
def test_what_is_said_leads_to_what_helps(said: str, helps: str) -> None:
    assert helps in remedy_for(said)


@pytest.mark.parametrize(
    "said",
    [
        "error: Multiple top-level packages discovered in a flat-layout: ['mysite', 'static'].",
        "ValueError: Unable to determine which files to ship inside the wheel using the following heuristics",
        "ValueError: No file/folder found for package mysite",
        "Error: Expected a Python module at: `src/mysite/__init__.py`",
    ],
)
def test_a_project_that_never_was_a_package_is_known(said: str) -> None:
    assert is_no_package(f"Failed to build `mysite`\n{said}")
    assert not is_no_package("Failed to build `mysite`\nerror: command 'gcc' failed")


@pytest.mark.parametrize(
    "said",
    [
        "PermissionError: [Errno 13] Permission denied: '/srv/shop/.local' (shop/settings.py:10)",
        "OSError: [Errno 30] Read-only file system: '/opt/data' (shop/settings.py:10)",
        "ValueError: Unable to configure handler 'file': [Errno 13] Permission denied: '/var/log/shop.log'",
    ],
)
def test_a_project_that_writes_elsewhere_is_told_where_it_may(said: str) -> None:
    remedy = writing_remedy(said, Path("/srv/shop"))
    assert "site_shared_paths" in remedy and "/srv/shop/shared/data" in remedy and "site_env" in remedy


def test_a_project_that_fails_otherwise_is_told_nothing_of_folders() -> None:
    assert not writing_remedy("KeyError: 'DATA_DIR' (shop/settings.py:10)", Path("/srv/shop"))
